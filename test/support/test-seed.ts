// Seeds of randomised tests. Every change is judged by the same draws, so that a red run means the change; `npm test -- --all`, and
// with it every night, draws another one. A test that uses one puts it into its name, with the variable that replays it.

import { isExtended } from "./extended.ts";

/** The number in the environment variable, else a fixed one, or with the extended tests any. */
export function testSeed(variable: string, fixed: number): number {
  const given = process.env[variable];
  if (given !== undefined) return Number(given);
  return isExtended ? Math.floor(Math.random() * 2 ** 31) : fixed;
}
