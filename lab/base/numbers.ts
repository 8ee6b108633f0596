/** Numbers as people type them: whole ones in decimal digits, and rates with their unit. */
import { LabError } from "./lab-error.ts";

/** @throws LabError("usage") that names `option` and the bounds */
export function parseCount(text: string, option: string, min: number, max: number): number {
  const count = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (count >= min && count <= max) return count;
  throw new LabError("usage", `${option} can't be "${text}"`, `write a whole number from ${min} to ${max}`);
}

/** `0.5/s`; 0 needs no unit. @throws LabError("usage") that names `option` */
export function parsePerSecond(text: string, option: string, max: number, least = Number.MIN_VALUE): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?|\.\d+)(\/s)?$/.exec(text.trim()) ?? [];
  const rate = Number(number);
  if (number !== undefined && unit === undefined && rate !== 0)
    throw new LabError("usage", `${option}: ${number} has no unit`, `write ${number}/s`);
  if (rate >= least && rate <= max) return rate;
  throw new LabError("usage", `${option}: "${text}" isn't a rate`, `write for example 0.5/s, at most ${max}/s`);
}
