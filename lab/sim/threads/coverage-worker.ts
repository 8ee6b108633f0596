/**
 * A thread of the swarm that counts what it reaches (V8's own coverage, from before the core is loaded). The message `coverage` asks for
 * it. It runs from the sources only: Node.js removes types without moving anything, so places in the code are places in the file.
 */
import { Session } from "node:inspector/promises";
import { parentPort } from "node:worker_threads";
import { COVERAGE_QUESTION, type CoverageAnswer, unreachedIn } from "./coverage.ts";

const session = new Session();
session.connect();
await session.post("Profiler.enable");
await session.post("Profiler.startPreciseCoverage", { callCount: false, detailed: true });
const { RULE_NAMES } = await import("../swarm/choice.ts");
const { play } = await import("./swarm-worker.ts");

parentPort?.on("message", async (question) => {
  if (question !== COVERAGE_QUESTION) return;
  // What stands in a rule's place isn't in production; schedules without the rule are where it is reached.
  for (const rule of RULE_NAMES) for (const seed of [1, 2, 3]) play(seed, { without: [rule], moves: [] });
  const { result } = await session.post("Profiler.takePreciseCoverage");
  const answer: CoverageAnswer = { unreached: unreachedIn(result) };
  parentPort?.postMessage(answer);
});
