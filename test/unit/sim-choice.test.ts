import { describe, expect, it } from "vitest";
import { optionsOf, parseRules, parseSeed, parseSeedRange, replayCommand } from "../../lab/sim/swarm/choice.ts";

describe("seeds on the command line", () => {
  it("must be a number or a range", () => {
    expect(parseSeed("0", "--seed")).toBe(0);
    expect(parseSeedRange("7", "--seeds")).toEqual({ from: 7, to: 7 });
    expect(parseSeedRange("1-10000", "--seeds")).toEqual({ from: 1, to: 10_000 });
  });

  it.each(["", "x", "-1", "1.5", "2147483648", "99999999999"])("must not be %j", (text) => {
    expect(() => parseSeed(text, "--seed")).toThrow(/isn't a seed/);
  });

  it.each(["", "5-1", "1-", "-5", "1-2-3", "a-b"])("must not be the range %j", (text) => {
    expect(() => parseSeedRange(text, "--seeds")).toThrow(/isn't a (range of seeds|seed)/);
  });
});

it("a rule that doesn't exist must be refused with the list of those that do", () => {
  expect(parseRules("nak,digest")).toEqual(["nak", "digest"]);
  expect(() => parseRules("nonsense")).toThrow(expect.objectContaining({ hint: expect.stringContaining("nak") }));
});

it("the replay command must carry what was fixed", () => {
  expect(replayCommand(7)).toBe("lab sim --seed 7");
  const choice = { nodes: 3, profile: "default", without: ["nak", "digest"] } as const;
  expect(replayCommand(7, choice)).toBe("lab sim --seed 7 --nodes 3 --profile default --without nak,digest");
  expect(replayCommand(7, { only: [3, 17] })).toBe("lab sim --seed 7 --only 3,17");
  expect(optionsOf({ ...choice, only: [3] })).toEqual({
    nodes: 3,
    profile: "default",
    rules: { nak: false, digest: false },
  });
});
