/**
 * A user's choice of schedules: which seeds, and what is fixed instead of drawn; and the command that plays one again.
 */

import { RULES, type Rule } from "../../../node/core/kernel/rules.ts";
import type { ProfileName } from "../../../node/wire/profile.ts";
import { renderCommand } from "../../base/hint.ts";
import { LabError } from "../../base/lab-error.ts";
import { pickWords } from "../../base/suggest.ts";
import type { SimOptions } from "../cluster/sim-options.ts";
import { MOVE_NAMES, type MoveName } from "./moves.ts";

/** The largest seed: seeds stay exact in every number that is made of them. */
export const SEED_MAX = 2_147_483_647;

export const RULE_NAMES = Object.keys(RULES) as readonly Rule[];

export interface SeedRange {
  readonly from: number;
  /** Included. */
  readonly to: number;
}

/** Structured-cloneable: it goes to threads. */
export interface WorldChoice {
  readonly nodes?: number;
  readonly profile?: ProfileName;
  /** Rules that no node keeps (node/core/kernel/rules.ts). */
  readonly without?: readonly Rule[];
  /** The moves of the adversary that are made (moves.ts; default: all that are drawn). */
  readonly moves?: readonly MoveName[];
  /** The actions of the schedule that happen, by their numbers from 0 (default: all). */
  readonly only?: readonly number[];
}

/** @throws LabError("usage") that names `option` */
export function parseSeed(text: string, option: string): number {
  const seed = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (seed <= SEED_MAX) return seed;
  throw new LabError("usage", `${option}: "${text}" isn't a seed`, `write a whole number from 0 to ${SEED_MAX}`);
}

/** `7` or `1-10000`. @throws LabError("usage") that names `option` */
export function parseSeedRange(text: string, option: string): SeedRange {
  const [first = "", last = first, ...rest] = text.split("-");
  if (rest.length === 0 && /^\d+$/.test(first) && /^\d+$/.test(last)) {
    const range = { from: parseSeed(first, option), to: parseSeed(last, option) };
    if (range.from <= range.to) return range;
  }
  throw new LabError("usage", `${option}: "${text}" isn't a range of seeds`, "write for example 1-1000");
}

/** `causalDelivery,nak`. @throws LabError("usage") that names the rules that there are */
export function parseRules(text: string): readonly Rule[] {
  return pickWords(text, RULE_NAMES, "rule");
}

/** `stranger,lost-disks`, or `none`. @throws LabError("usage") that names the moves that there are */
export function parseMoves(text: string): readonly MoveName[] {
  return text === "none" ? [] : pickWords(text, [...MOVE_NAMES, "none"] as MoveName[], "move");
}

/** `3,17,22`. @throws LabError("usage") */
export function parseActions(text: string): readonly number[] {
  if (/^\d{1,3}(,\d{1,3})*$/.test(text)) return text.split(",").map(Number);
  throw new LabError("usage", `--only: "${text}" isn't a list of actions`, "write their numbers: 3,17,22");
}

/** The choice as it overrides what is drawn. */
export function optionsOf(choice: WorldChoice): Partial<SimOptions> {
  const { without = [], only: _, moves: __, ...rest } = choice;
  return without.length === 0 ? rest : { ...rest, rules: Object.fromEntries(without.map((rule) => [rule, false])) };
}

/** The command that plays a schedule again, from the words after `lab`. */
export function replayWords(seed: number, choice: WorldChoice = {}): readonly string[] {
  const { nodes, profile, without, moves, only } = choice;
  return [
    ...["sim", "--seed", `${seed}`],
    ...(nodes === undefined ? [] : ["--nodes", `${nodes}`]),
    ...(profile === undefined ? [] : ["--profile", profile]),
    ...(without === undefined ? [] : ["--without", without.join(",")]),
    ...(moves === undefined ? [] : ["--moves", moves.length === 0 ? "none" : moves.join(",")]),
    ...(only === undefined ? [] : ["--only", only.join(",")]),
  ];
}

export function replayCommand(seed: number, choice: WorldChoice = {}): string {
  return renderCommand({ command: replayWords(seed, choice) });
}
