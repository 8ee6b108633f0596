// Everything that the documents name exists: paths, npm scripts, files, and the headings that links point to.
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  anchorOf,
  readAnchoredLinks,
  readHeadings,
  readNamedPaths,
  readRelativeLinks,
  readScripts,
} from "../support/doc-commands.ts";
import { PROJECT_ROOT } from "../support/sources.ts";

const read = (path: string) => readFileSync(join(PROJECT_ROOT, path), "utf8");
const documents = globSync(["*.md", "{compose,lab,node}/**/*.md"], { cwd: PROJECT_ROOT }).sort();
const scripts = Object.keys((JSON.parse(read("package.json")) as { scripts: Record<string, string> }).scripts);

test("the documents must be found", () => {
  expect(documents).toContain("README.md");
  expect(documents).toContain("node/PROTOCOL.md");
});

describe.each(documents)("%s", (path) => {
  const text = read(path);

  test("must name only paths that exist", () => {
    const places = [PROJECT_ROOT, join(PROJECT_ROOT, dirname(path))];
    const missing = readNamedPaths(text).filter((named) => !places.some((place) => existsSync(join(place, named))));
    expect(missing).toEqual([]);
  });

  test("must name only scripts that package.json has", () => {
    expect(readScripts(text).filter((script) => !scripts.includes(script))).toEqual([]);
  });

  test("must link only to files that exist", () => {
    const links = readRelativeLinks(text);
    expect(links.filter((link) => !existsSync(join(PROJECT_ROOT, dirname(path), link)))).toEqual([]);
  });

  test("must link only to headings that exist", () => {
    const broken = readAnchoredLinks(text).filter(({ target, anchor }) => {
      const file = target === "" ? path : join(dirname(path), target);
      return !existsSync(join(PROJECT_ROOT, file)) || !readHeadings(read(file)).map(anchorOf).includes(anchor);
    });
    expect(broken).toEqual([]);
  });
});

test("the core's overview must name only functions that the core has", () => {
  const sources = globSync("node/core/**/*.ts", { cwd: PROJECT_ROOT }).map(read).join("\n");
  const named = [...read("node/core/README.md").matchAll(/`(\w+)\(/g)].map(([, name = ""]) => name);
  expect(named.length).toBeGreaterThan(50);
  expect(named.filter((name) => !new RegExp(`\\bexport function ${name}\\b`).test(sources))).toEqual([]);
});
