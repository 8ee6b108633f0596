/**
 * The scenario language as JSON Schema, for editors: completion, and mistakes underlined while one types. Made from the same zod schema
 * that reads the files; shipped as compose/scenario.schema.json (written by `npm run schema`).
 */
import * as z from "zod";
import { Scenario } from "./scenario-schema.ts";

export function describeAsJsonSchema(): object {
  const schema = z.toJSONSchema(Scenario, { io: "input", unrepresentable: "any", target: "draft-7" });
  // Top-level fields for anchors are anybody's.
  return { ...schema, patternProperties: { "^x-": {} } };
}

/** As it is shipped. */
export function formatJsonSchema(): string {
  return `${JSON.stringify(describeAsJsonSchema(), null, 2)}\n`;
}
