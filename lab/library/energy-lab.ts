// biome-ignore-all lint/performance/noBarrelFile: what `import … from "energy-lab"` gives has to be said in one place.
/** The package's entry: all that `import { … } from "energy-lab"` gives. Everything else in the package may change at any time. */

export { EXIT, type ExitName, LabError } from "../base/lab-error.ts";
export type { CheckResult, CheckVerdict, Verdict, Violation } from "../check/verdict.ts";
export type { JournalDetail } from "../journal/detail.ts";
export type { Entry } from "../journal/entry.ts";
export type { Gap, Journal, RunFacts } from "../journal/journal.ts";
export { readRun } from "../journal/stored-run.ts";
export { Lab, type PartitionOptions } from "./lab.ts";
export { LabNode, type TradeTime } from "./node.ts";
export type {
  CheckReport,
  Condition,
  Fault,
  LabOptions,
  Netem,
  NodeOptions,
  NodeProgram,
  NodeQuestion,
  NodeRef,
  NodeStatus,
  Runtime,
  ScenarioOutcome,
  TradeResult,
  Transfer,
  WaitOptions,
} from "./public-types.ts";
