/** Which code ran: V8's nested ranges as flat ones. Types are blanked out in place, so offsets are those of the source. */
import type { Profiler } from "node:inspector";

/** By source file: where code begins that ran, and where it ends, in turns. */
export type Covered = Readonly<Record<string, readonly number[]>>;

export function coveredParts(
  scripts: readonly Profiler.ScriptCoverage[],
  fileOf: (url: string) => string,
): Record<string, number[]> {
  return Object.fromEntries(scripts.map(({ url, functions }) => [fileOf(url), flatten(functions)]));
}

function flatten(functions: readonly Profiler.FunctionCoverage[]): number[] {
  const ranges = functions.flatMap((one) => one.ranges);
  const ran = new Uint8Array(Math.max(0, ...ranges.map(({ endOffset }) => endOffset)));
  // The outer ones first: what lies within says it better.
  ranges.sort((a, b) => a.startOffset - b.startOffset || b.endOffset - a.endOffset);
  for (const { startOffset, endOffset, count } of ranges) ran.fill(count > 0 ? 1 : 0, startOffset, endOffset);
  const turns: number[] = [];
  for (let i = 0; i <= ran.length; i++) if ((ran[i] ?? 0) !== turns.length % 2) turns.push(i);
  return turns;
}

export function hasRun(turns: readonly number[] | undefined, offset: number): boolean {
  return (turns ?? []).filter((turn) => turn <= offset).length % 2 === 1;
}
