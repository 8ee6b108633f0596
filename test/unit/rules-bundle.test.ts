// The peer that runs in production has no rule switches: they are folded away when its bundle is made.
import { readdirSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { buildNodeBundle } from "../../build.mjs";
import { RULES, type Rule } from "../../node/core/kernel/rules.ts";

const core = join(import.meta.dirname, "../../node/core");
const names = Object.keys(RULES) as Rule[];

describe("the rules", () => {
  test("must all hold, and nobody can change that at run time", () => {
    expect(Object.values(RULES)).toEqual(names.map(() => true));
    expect(Object.isFrozen(RULES)).toBe(true);
  });

  test("must each be asked for in the core: a switch that does nothing proves nothing", () => {
    const files = readdirSync(core, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
    const sources = files.map((file) => readFileSync(join(core, file), "utf8"));
    const unused = names.filter(
      (name) => !sources.some((text) => new RegExp(`\\bstate\\.rules\\.${name}\\b`).test(text)),
    );
    expect(unused).toEqual([]);
  });

  test("must not be left in the bundle", { timeout: 60_000 }, async () => {
    const bundle = await readFile(await buildNodeBundle(), "utf8");
    // What the core asks for, and the record that would answer.
    const left = names.filter((name) => new RegExp(`\\brules\\.${name}\\b|\\b${name}:(?:!0|true)`).test(bundle));
    expect(left).toEqual([]);
    expect(bundle).not.toMatch(/\bstate\d*\.rules\b/);
  });
});
