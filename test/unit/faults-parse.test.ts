import { describe, expect, test } from "vitest";
import { LabError } from "../../lab/base/lab-error.ts";
import { parseChance, parseDelayMs, parseRateBps } from "../../lab/faults/parse-fault.ts";

describe("values of the fault verbs", () => {
  const delays: readonly [string, number][] = [
    ["100ms", 100],
    ["1.5s", 1_500],
    ["0", 0],
    ["0ms", 0],
    ["500us", 0.5],
    ["1m", 60_000],
    [" 20MS ", 20],
  ];
  test.each(delays)("delay %s must be %d ms", (text, expected) => {
    expect(parseDelayMs(text, "--delay")).toBe(expected);
  });

  const chances: readonly [string, number][] = [
    ["10%", 0.1],
    ["0.1", 0.1],
    [".5", 0.5],
    ["100%", 1],
    ["0.5%", 0.005],
    ["1", 1],
    ["0", 0],
  ];
  test.each(chances)("chance %s must be %d", (text, expected) => {
    expect(parseChance(text, "--loss")).toBeCloseTo(expected, 10);
  });

  const rates: readonly [string, number][] = [
    ["1mbit", 1_000_000],
    ["64kbit", 64_000],
    ["1.5Mbit", 1_500_000],
    ["10gbit", 10_000_000_000],
    ["0", 0],
  ];
  test.each(rates)("rate %s must be %d bit/s", (text, expected) => {
    expect(parseRateBps(text, "--rate")).toBe(expected);
  });

  const refused: readonly [string, (text: string, option: string) => number, string, RegExp][] = [
    ["100", parseDelayMs, "a delay without a unit", /--delay: 100 has no unit/],
    ["2m", parseDelayMs, "a delay above 60 s", /more than 60s/],
    ["-5ms", parseDelayMs, "a negative delay", /isn't a span of time/],
    ["5parsec", parseDelayMs, "an unknown unit", /isn't a span of time/],
    ["", parseDelayMs, "nothing", /isn't a span of time/],
    ["10", parseChance, "a chance above 1 without %", /more than 1$/],
    ["101%", parseChance, "a chance above 100%", /more than 100%/],
    ["often", parseChance, "a word", /isn't a chance/],
    ["-1%", parseChance, "a negative chance", /isn't a chance/],
    ["100", parseRateBps, "a rate without a unit", /100 has no unit/],
    ["100kbps", parseRateBps, "bytes a second", /isn't a rate/],
    ["10bit", parseRateBps, "a rate below 1 kbit", /less than 1kbit/],
    ["11gbit", parseRateBps, "a rate above 10 gbit", /more than 10gbit/],
  ];
  test.each(refused)("%j must be refused with what is allowed", (text, parse, _what, message) => {
    let thrown: unknown;
    try {
      parse(text, "--delay");
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(LabError);
    expect(thrown).toMatchObject({
      exit: "usage",
      message: expect.stringMatching(message),
      hint: expect.stringMatching(/^write (it as )?\S/),
    });
  });
});
