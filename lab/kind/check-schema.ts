/** Checks that a scenario asks for where nodes run somebody else's program. Pure. */
import * as z from "zod";
import type { Program } from "./program-spec.ts";

const Span = z.string().regex(/^\d+(\.\d+)?(ms|s|m)$/, "must be a span of time, such as 10s");
const Fact = z.string().regex(/^[a-z][a-z0-9-]*$/, "must be the name of a fact");

export const ProgramCheck = z.union([
  z.string().regex(/^\.{0,2}\/.+\.m?js$/, "must be the path of a module, such as ./check.js"),
  z.strictObject({ silence: Span.meta({ description: "no running node writes nothing for so long" }) }),
  z.strictObject({
    "one-holder": Fact.meta({ description: "while no fault keeps nodes apart, at most one node is it" }),
    within: Span.optional().meta({ description: "how long two may overlap (default: 5s)" }),
  }),
  z.strictObject({
    agree: Fact.meta({ description: "so long after the last fault, all nodes say the same" }),
    within: Span.optional().meta({ description: "default: 10s" }),
  }),
  z.strictObject({
    always: z
      .string()
      .min(1)
      .meta({ description: "an expression (JSONata) over { nodes, whole } that holds after each fact" }),
    name: z.string().optional(),
  }),
]);
export type ProgramCheck = z.output<typeof ProgramCheck>;

/** Without a word of a file: one leader at a time, on whom all agree, where the program tells who leads. */
export function standardChecks({ facts = [] }: Pick<Program, "facts">): readonly ProgramCheck[] {
  return facts.some(({ kind }) => kind === "leader") ? [{ "one-holder": "leader" }, { agree: "leader" }] : [];
}
