/**
 * Expressions over answers and facts, in JSONata (https://docs.jsonata.org): `members[name="n4"].status = "failed"`.
 * The library parses and evaluates them; nothing is compiled to code.
 */
import jsonata from "jsonata";
import { LabError } from "../base/lab-error.ts";

export interface Expression {
  readonly text: string;
  /** @throws LabError("failed") when it can't be applied to this data */
  evaluate(data: unknown): Promise<unknown>;
}

/** @throws LabError("usage") for what isn't JSONata */
export function parseExpression(text: string): Expression {
  const fail = (exit: "usage" | "failed", error: unknown): LabError => {
    const { message, position } = error as { message?: string; position?: number };
    const where = position === undefined ? "" : ` (at character ${position})`;
    return new LabError(
      exit,
      `the expression "${text}" ${exit === "usage" ? "can't be read" : "fails"}: ${message}${where}`,
      "see https://docs.jsonata.org",
    );
  };
  let parsed: jsonata.Expression;
  try {
    parsed = jsonata(text);
  } catch (error) {
    throw fail("usage", error);
  }
  const evaluate = async (data: unknown): Promise<unknown> => {
    try {
      return await parsed.evaluate(data);
    } catch (error) {
      throw fail("failed", error);
    }
  };
  return { text, evaluate };
}

/** Whether an expression's result means yes: JSONata's own rule, except that an empty string is no. */
export function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(isTrue);
  return Boolean(value);
}

/** For messages: short, and in one line. */
export function showValue(value: unknown): string {
  const text = value === undefined ? "nothing" : (JSON.stringify(value) ?? String(value));
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
