/**
 * A program that isn't ours, as a kind of node. What only such labs need is loaded when it is used: a browser's labs have none.
 */

import { parseDuration } from "../base/duration.ts";
import { LabError } from "../base/lab-error.ts";
import { type ProgramCheck, standardChecks } from "../kind/check-schema.ts";
import type { Program } from "../kind/program-spec.ts";
import type { Kind, WantedChecks } from "./kind.ts";
import { findHolder, openLines, readFacts } from "./program-facts.ts";
import { programHost, waitForReady } from "./program-lab.ts";

const LOOK_MS = 200;

export function kindOfProgram(program: Program): Kind {
  const isTapped = program.tap === true;
  return {
    hasControl: false,
    isTapped,
    helpers: programHost,
    prepare: (engine, progress, signal) => programHost(engine).prepare(program, progress, signal),
    waitUntilUp: async (lab, { ids = lab.running, ...options }) => {
      await waitForReady(lab, ids, options);
      return null;
    },
    answers: (ids) => Promise.resolve(new Map(ids.map((id) => [id, null]))),
    coordinator: async (lab) => findHolder(await readFacts(lab), "leader"),
    look: async (condition, lab) => (await import("./program-conditions.ts")).lookAtProgram(lab, condition),
    lookEveryMs: () => LOOK_MS,
    columns: async (lab) => {
      const facts = await readFacts(lab);
      return new Map(lab.ids.map((id) => [id, { address: lab.node(id).ip, facts: facts.get(id) ?? {} }]));
    },
    lineReader: async (lab) => {
      const lines = await openLines(lab);
      return (line) => lines.read({ ...line, atMs: line.atMs ?? lab.clock.wallMs() });
    },
    readTap: async (lab, output) =>
      isTapped ? await (await import("./tapped.ts")).readTapped(lab, program, output) : null,
    facts: () => ({ isForeign: true, isDetailed: true, hasWire: isTapped }),
    judge: async (journal, checks, folder) =>
      (await import("../kind/program-checks.ts")).runProgramChecks(journal, checksFor(program, checks), folder),
    missingMs: (_journal, checks, results, round) => {
      // What is judged some time after the last fault.
      const open = checksFor(program, checks).filter((_, i) => results[i]?.verdict === "nothing to judge");
      const spans = open.map((check) =>
        typeof check === "object" && "agree" in check ? parseDuration(check.within ?? "10s", "within") + 500 : 0,
      );
      return round > 1 ? null : Math.max(0, ...spans) || null;
    },
  };
}

/** Those that are named, or what can be judged without knowing the program. @throws LabError("unsupported") for a promise of our own peers */
function checksFor(program: Program, checks: WantedChecks): readonly ProgramCheck[] {
  if (checks === "none") return [];
  if (checks === "all") return standardChecks(program);
  const ours = checks.find((check) => typeof check === "string" && !check.includes("/"));
  if (ours === undefined) return checks as readonly ProgramCheck[];
  const hint = "leave it out, or write a scenario with checks of its own";
  throw new LabError(
    "unsupported",
    `"${ours}" is a promise of the lab's own peers: these nodes run another program`,
    hint,
  );
}
