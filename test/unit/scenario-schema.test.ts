// The JSON Schema that editors use is made from the schema that reads the files; SCHEMA=write (`npm run schema`) renews it.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ACTIONS } from "../../lab/scenario/actions.ts";
import { formatJsonSchema } from "../../lab/scenario/json-schema.ts";
import { parseScenario } from "../../lab/scenario/parse-scenario.ts";

const compose = join(import.meta.dirname, "../../compose");
const path = join(compose, "scenario.schema.json");

test("the JSON Schema that is shipped must be the one of the files that are read", () => {
  if (process.env.SCHEMA === "write") writeFileSync(path, formatJsonSchema());
  expect(readFileSync(path, "utf8"), "it is old: npm run schema").toBe(formatJsonSchema());
});

test("it must know every verb, and say what its words are", () => {
  const schema = JSON.parse(formatJsonSchema()) as {
    definitions: Record<string, { properties?: Record<string, { description?: string }> }>;
  };
  const steps = Object.values(schema.definitions).find((definition) => definition.properties?.kill !== undefined);
  for (const verb of Object.keys(ACTIONS)) expect(steps?.properties?.[verb]?.description, verb).toContain(verb);
});

const files = readdirSync(join(compose, "scenarios")).filter((name) => name.endsWith(".yaml"));

test.each(files)("%s must be valid, name its schema, and say what it teaches", (name) => {
  const text = readFileSync(join(compose, "scenarios", name), "utf8");
  const scenario = parseScenario(text, name);
  expect(text.split("\n")[0]).toBe("# yaml-language-server: $schema=../scenario.schema.json");
  expect(scenario.title).toBeDefined();
  expect(scenario.teaches?.length).toBeGreaterThan(80);
  expect(name).toBe(`${String(scenario.number).padStart(2, "0")}-${scenario.name}.yaml`);
});

test("the shipped scenarios must be numbered without gaps, and be listed in their README", () => {
  const numbers = files.map((name) => Number(name.slice(0, 2)));
  expect(numbers).toEqual(files.map((_, index) => index + 1));
  const readme = readFileSync(join(compose, "scenarios/README.md"), "utf8");
  expect(files.filter((name) => !readme.includes(`(${name})`))).toEqual([]);
});
