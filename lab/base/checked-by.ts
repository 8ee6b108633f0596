/** A parser of the lab as a check of a schema. Apart from the YAML reader, which commands that read no file needn't load. */
import type * as z from "zod";
import { LabError } from "./lab-error.ts";

/** Runs a parser of the lab on a text, and makes its LabError a complaint about this place of the file. */
export function checkedBy(check: (text: string) => unknown): (text: string, context: z.core.$RefinementCtx) => void {
  return (text, context) => {
    try {
      check(text);
    } catch (error) {
      if (!(error instanceof LabError)) throw error;
      context.addIssue({ code: "custom", message: error.message, params: { hint: error.hint } });
    }
  };
}
