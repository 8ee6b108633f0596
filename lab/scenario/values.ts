/**
 * The values of a scenario's fields as people write them: spans (`8s`), chances (`10%`), nodes (`leader`, `1-3`), conditions.
 *
 * Idea: they stay the words that stand in the file, checked. What a selector or a span means is found when its step fires, so a
 * scenario is plain data that can be written down again word for word.
 */
import * as z from "zod";
import { AMOUNT_MAX } from "../../node/wire/ids.ts";
import { checkedBy } from "../base/checked-by.ts";
import { parseDuration } from "../base/duration.ts";
import { parsePerSecond } from "../base/numbers.ts";
import { parseConditionText } from "../cluster/condition-text.ts";
import { parseSelector } from "../cluster/selectors.ts";
import { parseChance, parseDelayMs, parseRateBps } from "../faults/parse-fault.ts";

/** A number is read for the complaint that says which unit to add. */
const Written = z.union([z.string(), z.number()]).transform(String);

export const Span = Written.superRefine(checkedBy((text) => parseDuration(text, "a span of time"))).meta({
  description: "a span of time: 8s, 500ms, 2m",
  examples: ["5s"],
});

export const Delay = Written.superRefine(checkedBy((text) => parseDelayMs(text, "delay"))).meta({
  description: "a delay on the wire: 100ms, 1.5s",
});

export const Chance = z
  .union([z.string(), z.number().min(0).max(1)])
  .transform(String)
  .superRefine(checkedBy((text) => parseChance(text, "chance")))
  .meta({ description: "a chance: 10% or 0.1" });

export const Rate = Written.superRefine(checkedBy((text) => parseRateBps(text, "rate"))).meta({
  description: "bits a second: 64kbit, 1mbit",
});

const TRADES_PER_SECOND_MAX = 10_000;
export const readPerSecond = (text: string): number => parsePerSecond(text, "rate", TRADES_PER_SECOND_MAX);

export const PerSecond = Written.superRefine(checkedBy(readPerSecond)).meta({ description: "trades a second: 20/s" });

const NODES = "nodes: 3, 1,2, 1-3, leader, followers, random, random(2), majority, minority, all";

/** A selector; a list means the same as its parts with commas between. */
export const Nodes = z
  .union([z.string(), z.int(), z.array(z.union([z.string(), z.int()])).min(1)])
  .transform((value) => (Array.isArray(value) ? value.join(",") : String(value)))
  .superRefine(checkedBy(parseSelector))
  .meta({ description: NODES });

export const Amount = z.int().min(1).max(AMOUNT_MAX).meta({ description: "whole credits" });

/** A condition as `lab wait` takes it: `leader=4`, `state:3=FAILED`. */
export const ConditionText = z.string().superRefine(checkedBy(parseConditionText));

/** A number that must be seen, or a comparison: 5, ">=5". */
export const Expected = z
  .union([z.int().min(0), z.string()])
  .transform((value) => String(value).replaceAll(" ", ""))
  .superRefine(checkedBy((text) => parseConditionText(expectedText("nodes", text))))
  .meta({ description: 'a number, or a comparison: ">=5", "!=3"' });

/** "balance:2" and ">=5" make "balance:2>=5". */
export function expectedText(subject: string, expected: string): string {
  return /^[<>!=]/.test(expected) ? `${subject}${expected}` : `${subject}=${expected}`;
}

/** A message on its way, by the name that the simulator gives it (lab/sim/cluster/traffic.ts). */
export const Flight = z
  .string()
  .regex(
    /^\d+-\d+\.\d+>\d+(?:\*\d+)?$/,
    "must be a message on its way: 3-1.17>2 is packet 17 of node 3's first life, to node 2",
  )
  .meta({ description: "sender, its life, the packet, and the receiver: 3-1.17>2", examples: ["3-1.17>2"] });
