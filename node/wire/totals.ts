/**
 * Totals on the wire: what one account has paid to each of the others, in the encoding of clocks (payee -> total).
 *
 * Credits go round, so a total may outgrow every bound although no balance does. Totals are therefore kept modulo `TOTAL_MODULUS`:
 * balances stay below it (1,000 accounts of at most 2^40), so a balance that is computed from such totals is exact.
 */
import * as z from "zod";
import { type Clock, decodeClock, encodeClock } from "./clock.ts";

export const TOTAL_MODULUS = 2 ** 50;

/** Payee -> credits, modulo `TOTAL_MODULUS`. */
export type Totals = Clock;

export function decodeTotals(text: string): Totals | null {
  return decodeClock(text, TOTAL_MODULUS - 1);
}

/** The zod codec used inside message schemas: a string on the wire, `Totals` in the program. */
export const TotalsField = z.codec(
  z.string().max(4_096),
  z.custom<Totals>((value) => value instanceof Map),
  {
    decode: (text, context) => {
      const totals = decodeTotals(text);
      if (totals !== null) return totals;
      context.issues.push({ code: "custom", message: "not totals", input: text });
      return z.NEVER;
    },
    encode: (totals) => encodeClock(totals),
  },
);
