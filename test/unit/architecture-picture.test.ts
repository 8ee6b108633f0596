// The architecture picture in README.md shows the imports as they are, and is harmless where it is shown.
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ARCHITECTURE, drawArchitecture, reduceGraph } from "../documents/architecture.ts";
import { LAB_ROOMS, NODE_ROOMS } from "../documents/rooms.ts";
import { findXmlComplaints } from "../support/export-rules.ts";
import { PROJECT_ROOT } from "../support/sources.ts";

const svg = readFileSync(join(PROJECT_ROOT, ARCHITECTURE), "utf8");

test("the architecture picture must be what the imports give (node test/documents/make.ts)", () => {
  expect(drawArchitecture() === svg, "not current: npm run pictures, and look at it").toBe(true);
});

test("the architecture picture must be well-formed, and show nothing from elsewhere", () => {
  expect(findXmlComplaints(svg)).toEqual([]);
  expect(svg).not.toMatch(/<script|<foreignObject|\son\w+=|href=|url\(|@import/i);
});

test("the architecture picture must have every room once, with its purpose", () => {
  // A folder without code, such as the protocol's chapters, is no room.
  const folders = new Set(globSync("node/*/**/*.ts", { cwd: PROJECT_ROOT }).map((file) => file.split("/")[1]));
  expect(NODE_ROOMS.map(({ name }) => name).sort()).toEqual([...folders].sort());
  for (const [part, rooms] of Object.entries({ lab: LAB_ROOMS, node: NODE_ROOMS })) {
    for (const { name, purpose } of rooms) {
      expect(svg.split(`>${part}/${name}<`)).toHaveLength(2);
      expect(svg).toContain(`>${purpose}<`);
    }
  }
});

test("an arrow that follows from others must be left out, and no other", () => {
  const graph = new Map([
    ["a", new Set(["b", "c", "d"])],
    ["b", new Set(["c"])],
    ["c", new Set<string>()],
    ["d", new Set<string>()],
  ]);
  expect([...reduceGraph(graph)].map(([from, targets]) => [from, [...targets]])).toEqual([
    ["a", ["b", "d"]],
    ["b", ["c"]],
    ["c", []],
    ["d", []],
  ]);
});
