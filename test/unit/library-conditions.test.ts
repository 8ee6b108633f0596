import { expect, test } from "vitest";
import { splitConditions } from "../../lab/library/split-conditions.ts";

test.each([
  ["agree", ["agree"]],
  ["leader == 4", ["leader=4"]],
  ["leader==4 && balance(2) == 130", ["leader=4", "balance:2=130"]],
  ["state(3) == FAILED and converged", ["state:3=FAILED", "converged"]],
  ["balance[2] >= 100", ["balance:2>=100"]],
  ["nodes != 5", ["nodes!=5"]],
  ["state:3=FAILED", ["state:3=FAILED"]],
  ["  ", []],
])("%j must mean what `lab wait` takes as %j", (text, words) => {
  expect(splitConditions(text)).toEqual(words);
});
