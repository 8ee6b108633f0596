/**
 * What a lab asks of the kind of its nodes. `energy`, our own peers, is the first; a program that somebody brings is another. All else that a lab
 * does (start, kill, cut, write down, draw) is the same for every kind, and nothing else in lab/ knows how they differ.
 */
import type { PingData } from "../../node/wire/control.ts";
import type { NodeId } from "../../node/wire/ids.ts";
import type { CheckResult } from "../check/verdict.ts";
import type { Engine, LabSpec, LogLine, ProgramHost, Progress } from "../engine/engine.ts";
import type { Entry } from "../journal/entry.ts";
import type { Journal, RunFacts } from "../journal/journal.ts";
import type { ProgramCheck } from "../kind/check-schema.ts";
import type { ParsedCondition } from "./condition-text.ts";
import { ENERGY } from "./energy-kind.ts";
import type { Answers } from "./judge-agreement.ts";
import type { View } from "./lab-conditions.ts";
import type { LabHandle } from "./lab-handle.ts";
import type { NodeRow } from "./node-rows.ts";
import { kindOfProgram } from "./program-kind.ts";
import type { Agreed, WaitOptions } from "./wait-for.ts";

/** All that a scenario may say under `checks:`. */
export type WantedChecks = "all" | "none" | readonly (string | ProgramCheck)[];

export interface Kind {
  /** Its nodes answer on the control channel (node/wire/control.ts): who leads, what they hold, that they leave. */
  readonly hasControl: boolean;
  /** Its messages are recorded from outside. */
  readonly isTapped: boolean;
  /** Those that bring faults about beside a node, which can't do it itself; null: the node can. */
  helpers(engine: Engine): ProgramHost | null;
  /** What `up` needs once. @throws LabError as `Engine.prepare` does */
  prepare(engine: Engine, progress: Progress, signal: AbortSignal): Promise<void>;
  /** Until all that run can be used. Null: they have no coordinator to agree on. @throws LabError("failed"), LabError("timeout") */
  waitUntilUp(lab: LabHandle, options: WaitOptions & { readonly ids?: readonly NodeId[] }): Promise<Agreed | null>;
  /** @param ask one node's word about itself */
  answers(ids: readonly NodeId[], ask: (id: NodeId) => Promise<PingData | null>): Promise<Answers>;
  /** Null: none, or several. */
  coordinator(lab: LabHandle): Promise<NodeId | null>;
  /** Whether a condition holds now. @throws LabError("unsupported") for one of another kind */
  look(condition: ParsedCondition, lab: LabHandle, answers: Answers): View | Promise<View>;
  /** How long to wait between two looks at so many nodes. */
  lookEveryMs(nodes: number): number;
  /** What it adds to the rows of nodes, by node. */
  columns(lab: LabHandle): Promise<ReadonlyMap<NodeId, Partial<NodeRow>>>;
  /** How lines of nodes become lines of the journal; null: a line is none. */
  lineReader(lab: LabHandle): Promise<(line: LogLine) => Entry | null>;
  /** The journal with the messages that a tap saw, and those that it doesn't know of, in words; null: there is no tap. */
  readTap(
    lab: LabHandle,
    output: readonly LogLine[],
  ): Promise<{ readonly entries: readonly Entry[]; readonly unseen: string } | null>;
  /** @param env variables of the lab */
  facts(env: Readonly<Record<string, string>>): Pick<RunFacts, "isDetailed" | "hasWire" | "isForeign">;
  /** @param folder of the file that names modules. @throws LabError("usage") for a check that can't be */
  judge(journal: Journal, checks: WantedChecks, folder: string): Promise<readonly CheckResult[]>;
  /** How long a run has to go on before all can be judged; null: it can be, or never. @param round judgements until now, from 1 */
  missingMs(journal: Journal, checks: WantedChecks, results: readonly CheckResult[], round: number): number | null;
}

export function kindOf({ program = null }: Pick<LabSpec, "program">): Kind {
  return program === null ? ENERGY : kindOfProgram(program);
}
