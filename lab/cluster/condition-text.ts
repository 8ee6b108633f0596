/**
 * Conditions as people write them, for `lab wait`, `lab assert` and scenarios: `agree`, `leader=4`, `state:3=FAILED`, `balance:2>=130`.
 *
 * Pure: what a condition says; conditions.ts looks whether it holds.
 */
import type { NodeId } from "../../node/wire/ids.ts";
import { PeerState } from "../../node/wire/message.ts";
import { LabError } from "../base/lab-error.ts";
import { didYouMean } from "../base/suggest.ts";

export type Comparison = "=" | "!=" | "<" | "<=" | ">" | ">=";

/** True as it stands, or not. */
export type PlainWord = "agree" | "converged" | "ready" | "conserved" | "elected";
/** Compared with a number. */
export type NumberWord = "leader" | "nodes" | "balance" | "holdback" | "pending" | "term";

export type ParsedCondition = { readonly text: string } & (
  | { readonly word: PlainWord }
  | {
      readonly word: NumberWord;
      /** The answer of this node; null: of all running nodes. */
      readonly node: NodeId | null;
      readonly comparison: Comparison;
      readonly value: number;
    }
  | {
      readonly word: "state";
      readonly node: NodeId;
      /** In whose eyes; null: in those of all other running nodes. */
      readonly observers: readonly NodeId[] | null;
      readonly comparison: "=" | "!=";
      readonly value: PeerState;
    }
  | { readonly word: "status"; readonly node: NodeId; readonly comparison: "=" | "!="; readonly value: RunStatus }
  | { readonly word: "elected"; readonly node: NodeId; readonly value: boolean }
  /** Of programs that aren't ours; `node` null: of all that run. */
  | {
      readonly word: "fact";
      readonly fact: string;
      readonly node: NodeId | null;
      readonly comparison: "=" | "!=";
      readonly value: string;
    }
  /** `times` null: at least once. */
  | { readonly word: "log"; readonly node: NodeId | null; readonly pattern: string; readonly times: number | null }
  | { readonly word: "ask"; readonly question: string; readonly node: NodeId | null; readonly expression: string }
  | { readonly word: "expr"; readonly expression: string }
);

export const RUN_STATUSES = ["running", "paused", "exited"] as const;
export type RunStatus = (typeof RUN_STATUSES)[number];

const PLAIN: readonly PlainWord[] = ["agree", "converged", "ready", "conserved", "elected"];
/** Whether a node may, must or can't be named behind a colon. */
const NUMBERS: Readonly<Record<NumberWord, "may" | "must" | "never">> = {
  leader: "may",
  term: "may",
  nodes: "never",
  balance: "must",
  holdback: "may",
  pending: "may",
};
const ALIASES: Readonly<Record<string, string>> = { coordinator: "leader" };
const KNOWN = [...PLAIN, ...Object.keys(NUMBERS), "state", "status", "coordinator"];
const USAGE =
  "write agree, converged, conserved, ready, elected, leader=4, nodes=5, state:3=FAILED, status:3=exited, balance:2=130, holdback=0 or pending=0";

/**
 * Conditions of programs that aren't ours: `fact:leader=4`, `fact:leader:3!=yes`, `log:3=elected`, `log:3#2=elected` (twice),
 * `ask:members:1 members[name="n4"].status = "failed"`, `expr $count(nodes[leader="yes"]) = 1`. Null: it is another one.
 */
function parseProgramCondition(text: string): ParsedCondition | null {
  const nodeOf = (digits: string | undefined): NodeId | null => (digits === undefined ? null : Number(digits));
  const [, fact, of, comparison, value] = /^fact:([a-z][a-z0-9-]*)(?::(\d{1,5}))?(=|!=)(.*)$/.exec(text) ?? [];
  if (fact !== undefined && value !== undefined)
    return { text, word: "fact", fact, node: nodeOf(of), comparison: comparison as "=", value };
  const [, writer, times, pattern] = /^log(?::(\d{1,5}))?(?:#(\d{1,6}))?=(.+)$/s.exec(text) ?? [];
  if (pattern !== undefined) return { text, word: "log", node: nodeOf(writer), pattern, times: nodeOf(times) };
  const [, question, asked, where] = /^ask:([a-z][a-z0-9-]*)(?::(\d{1,5}))?\s+(.+)$/s.exec(text) ?? [];
  if (question !== undefined && where !== undefined)
    return { text, word: "ask", question, node: nodeOf(asked), expression: where };
  const [, expression] = /^expr\s+(.+)$/s.exec(text) ?? [];
  return expression === undefined ? null : { text, word: "expr", expression };
}

/** Throws LabError("usage") for what it doesn't know. */
export function parseConditionText(text: string): ParsedCondition {
  const ofProgram = parseProgramCondition(text.trim());
  if (ofProgram !== null) return ofProgram;
  const match = /^([a-z]+)(?::(\d{1,5}))?(?:@(\d+(?:,\d+)*))?(?:(=|!=|<=|>=|<|>)(.+))?$/.exec(text.trim());
  if (match === null) throw unknown(text, "");
  const [, name = "", subject, eyes, operator, value] = match;
  const word = ALIASES[name] ?? name;
  const node = subject === undefined ? null : Number(subject);
  const comparison = (operator ?? "=") as Comparison;
  const isEquality = comparison === "=" || comparison === "!=";
  const plain = PLAIN.find((candidate) => candidate === word);
  if (plain !== undefined && node === null && value === undefined && eyes === undefined) return { text, word: plain };
  if (word === "state" && node !== null && value !== undefined && isEquality) {
    const observers = eyes === undefined ? null : eyes.split(",").map(Number);
    return { text, word, node, observers, comparison, value: parseState(value) };
  }
  if (value === undefined || eyes !== undefined) throw unknown(text, name);
  if (word === "status" && node !== null && isEquality)
    return { text, word, node, comparison, value: pick(value, RUN_STATUSES, "status of a node") };
  if (word === "elected" && node !== null && comparison === "=")
    return { text, word, node, value: pick(value, ["yes", "no"], "answer to elected") === "yes" };
  if (!isNumberWord(word)) throw unknown(text, name);
  const naming = NUMBERS[word];
  if ((naming === "must" && node === null) || (naming === "never" && node !== null)) throw unknown(text, name);
  if (!/^\d+$/.test(value)) throw new LabError("usage", `"${text}": ${value} isn't a whole number`, USAGE);
  return { text, word, node, comparison, value: Number(value) };
}

/** Does `found` stand so to `value`? */
export function compare(found: number, comparison: Comparison, value: number): boolean {
  switch (comparison) {
    case "=":
      return found === value;
    case "!=":
      return found !== value;
    case "<":
      return found < value;
    case "<=":
      return found <= value;
    case ">":
      return found > value;
    case ">=":
      return found >= value;
  }
}

function isNumberWord(word: string): word is NumberWord {
  return word in NUMBERS;
}

function parseState(text: string): PeerState {
  const wanted = PeerState.safeParse(text.toUpperCase());
  if (wanted.success) return wanted.data;
  return pick(text.toUpperCase(), PeerState.options, "state of a node");
}

function pick<T extends string>(text: string, allowed: readonly T[], what: string): T {
  const found = allowed.find((candidate) => candidate === text);
  if (found !== undefined) return found;
  throw new LabError("usage", `"${text}" isn't a ${what}`, didYouMean(text, allowed, `use ${allowed.join(", ")}`));
}

function unknown(text: string, word: string): LabError {
  return new LabError("usage", `"${text}" isn't a condition`, didYouMean(word, KNOWN, USAGE));
}
