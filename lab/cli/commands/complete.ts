/**
 * The words that can come next on a command line: verbs, options and their values, nodes, labs, conditions. The command's own outline (commander)
 * says what may stand where, so a new verb or option completes without a word here.
 *
 * Used by `lab shell` and, through the hidden `lab __complete`, by bash, zsh and fish.
 *
 * By hand, because packages for completion want an outline of their own beside commander's, and know nothing of labs and nodes.
 */

import type { Argument, Command, Option } from "commander";
import { PROFILE_NAMES } from "../../../node/wire/profile.ts";
import type { CompletionFacts } from "./completion-facts.ts";

export interface Candidate {
  readonly text: string;
  readonly description: string;
}

export interface Completion {
  readonly candidates: readonly Candidate[];
  /** Names of files can stand here, too. */
  readonly files: boolean;
  /** The user goes on typing right behind each of them: `leader=`. */
  readonly isOpen: boolean;
}

/** Where the last word stands. */
interface Place {
  readonly command: Command;
  /** The option whose value it is; null: none. */
  readonly option: Option | null;
  /** Number of the argument, from 0. */
  readonly position: number;
  readonly lab: string;
  readonly isHelp: boolean;
}

const NOTHING: Completion = { candidates: [], files: false, isOpen: false };
const SELECTORS: readonly (readonly [string, string])[] = [
  ["leader", "the coordinator"],
  ["followers", "all others that run"],
  ["random", "any one"],
  ["majority", "drawn: more than half"],
  ["minority", "drawn: the rest"],
  ["all", "every node that this can apply to"],
];
const SIGNALS = ["KILL", "TERM", "INT", "HUP", "STOP", "CONT", "USR1", "USR2"];
const NODE_WORDS = /^(?:nodes?|from|peer|groups|selector|ids)$/;
const FILE_WORDS = /^(?:path|folder|file|dir|files|scenario|run|runs)$/;

/**
 * @param words behind `lab`, the last one perhaps empty or half typed
 * @param defaultLab where no --name is given
 */
export async function complete(
  program: Command,
  words: readonly string[],
  facts: CompletionFacts,
  defaultLab: string,
): Promise<Completion> {
  const last = words.at(-1) ?? "";
  const place = findPlace(program, words.slice(0, -1), defaultLab);
  const inline = /^(--[a-z-]+)=(.*)$/s.exec(last);
  if (place.option === null && inline !== null) {
    const option = findOption(place.command, program, inline[1] ?? "");
    if (option === undefined) return NOTHING;
    return prefixed(await completeValue(option, inline[2] ?? "", place, facts), `${inline[1]}=`);
  }
  if (place.option !== null) return await completeValue(place.option, last, place, facts);
  if (last.startsWith("-")) return matching(listOptions(place.command, program), last);
  const verbs = listVerbs(place.command);
  // Commander's own, which isn't among the commands.
  if (place.isHelp) return place.position === 1 ? matching(verbs, last) : NOTHING;
  if (verbs.length > 0 && place.position === 0) return matching(verbs, last);
  const args = place.command.registeredArguments;
  const argument = args[place.position] ?? (args.at(-1)?.variadic === true ? args.at(-1) : undefined);
  return argument === undefined ? NOTHING : await completeArgument(argument, last, place, facts);
}

function findPlace(program: Command, before: readonly string[], defaultLab: string): Place {
  let command = program;
  let option: Option | null = null;
  let position = 0;
  let lab = defaultLab;
  let isHelp = false;
  for (const word of before) {
    if (option !== null) {
      if (option.attributeName() === "name") lab = word;
      option = null;
    } else if (word.startsWith("-") && word !== "-") {
      const [name = "", value] = word.split("=", 2);
      const found = findOption(command, program, name);
      if (found?.attributeName() === "name" && value !== undefined) lab = value;
      if (found !== undefined && takesValue(found) && value === undefined) option = found;
    } else {
      const child = position === 0 ? command.commands.find((candidate) => candidate.name() === word) : undefined;
      isHelp ||= position === 0 && word === "help" && command.commands.length > 0;
      if (child === undefined) position++;
      else [command, position] = [child, 0];
    }
  }
  return { command, option, position, lab, isHelp };
}

async function completeArgument(
  argument: Argument,
  last: string,
  place: Place,
  facts: CompletionFacts,
): Promise<Completion> {
  const name = argument.name();
  const verb = place.command.name();
  if (argument.argChoices !== undefined) return matching(argument.argChoices.map(plain), last);
  if (name === "name") return matching((await facts.labs()).map(plain), last);
  if (name === "conditions") return await completeCondition(last, place.lab, facts);
  if (verb === "heal") {
    const faults = (await facts.faults(place.lab)).map(({ id, cause }) => ({ text: id, description: cause }));
    const nodes = await completeNodes(last, place.lab, facts);
    return { ...nodes, candidates: [...matching(faults, last).candidates, ...nodes.candidates] };
  }
  if (verb === "run" || verb === "validate" || name === "scenario") {
    return { ...matching((await facts.scenarios()).map(plain), last), files: true };
  }
  if (FILE_WORDS.test(name)) return { ...NOTHING, files: true };
  return NODE_WORDS.test(name) ? await completeNodes(last, place.lab, facts) : NOTHING;
}

async function completeValue(option: Option, last: string, place: Place, facts: CompletionFacts): Promise<Completion> {
  if (option.argChoices !== undefined) return matching(option.argChoices.map(plain), last);
  // The name in `<…>`.
  const value = /[<[]([\w-]+)/.exec(option.flags)?.[1] ?? "";
  if (value === "lab") return matching((await facts.labs()).map(plain), last);
  switch (option.long) {
    case "--profile":
      return matching(PROFILE_NAMES.map(plain), last);
    case "--signal":
      return matching(SIGNALS.map(plain), last.toUpperCase());
  }
  if (FILE_WORDS.test(value)) return { ...NOTHING, files: true };
  return NODE_WORDS.test(value) ? await completeNodes(last, place.lab, facts) : NOTHING;
}

/** Ids and words; behind a comma those that aren't named yet. */
async function completeNodes(last: string, lab: string, facts: CompletionFacts): Promise<Completion> {
  const cut = last.lastIndexOf(",") + 1;
  const named = new Set(last.slice(0, cut).split(","));
  const ids = (await facts.nodes(lab)).filter((id) => !named.has(String(id))).map((id) => plain(String(id)));
  const words = cut === 0 ? SELECTORS.map(([text, description]) => ({ text, description })) : [];
  return prefixed(matching([...ids, ...words], last.slice(cut)), last.slice(0, cut));
}

async function completeCondition(last: string, lab: string, facts: CompletionFacts): Promise<Completion> {
  const nodes = await facts.nodes(lab);
  const state = /^(state:\d+=)(.*)$/.exec(last);
  if (state !== null) {
    const states = ["ALIVE", "SUSPECTED", "FAILED", "LEFT"].map(plain);
    return prefixed(matching(states, state[2] ?? ""), state[1] ?? "");
  }
  const leader = /^(leader=)(.*)$/.exec(last);
  if (leader !== null) return prefixed(matching(nodes.map(String).map(plain), leader[2] ?? ""), leader[1] ?? "");
  const whole = ["agree", "converged", "ready", "settled", "conserved"].map(plain);
  const open = ["leader=", "nodes=", ...nodes.flatMap((id) => [`state:${id}=`, `balance:${id}=`])].map(plain);
  const found = matching([...whole, ...open], last);
  return { ...found, isOpen: found.candidates.every(({ text }) => text.endsWith("=")) && found.candidates.length > 0 };
}

function listVerbs(command: Command): readonly Candidate[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .map((child) => ({ text: child.name(), description: child.description() }))
    .sort((a, b) => (a.text < b.text ? -1 : 1));
}

/** Long names, with their short ones as far as they have no long one. */
function listOptions(command: Command, program: Command): readonly Candidate[] {
  return optionsOf(command, program).map(({ long, short, description }) => ({
    text: long ?? short ?? "",
    description,
  }));
}

function findOption(command: Command, program: Command, name: string): Option | undefined {
  return optionsOf(command, program).find(({ long, short }) => long === name || short === name);
}

function optionsOf(command: Command, program: Command): readonly Option[] {
  const help = command.createHelp();
  const own = help.visibleOptions(command);
  return command === program ? own : [...own, ...program.options.filter(({ hidden }) => !hidden)];
}

function takesValue(option: Option): boolean {
  return option.required || option.optional;
}

function matching(candidates: readonly Candidate[], start: string): Completion {
  return { ...NOTHING, candidates: candidates.filter(({ text }) => text.startsWith(start)) };
}

function prefixed(completion: Completion, prefix: string): Completion {
  return { ...completion, candidates: completion.candidates.map((one) => ({ ...one, text: prefix + one.text })) };
}

function plain(text: string): Candidate {
  return { text, description: "" };
}
