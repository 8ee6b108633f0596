// Inside a node under test: counts what it is about to do, and kills the process at the n-th of them. Idea: SIGKILL at a known point
// of a real process, so that every point between two effects can be tried, one run each.
//
//   CRASH_AT     which point, from 1; 0: none, only count
//   CRASH_ONLY   regular expression: which points count
//   CRASH_LOG    file that gets a line for each point, and for each promise (see `witness`)
//   CRASH_FROM   `start`: count from the first statement on; `signal`: from SIGUSR2 on
import { appendFileSync } from "node:fs";

const at = Number(process.env.CRASH_AT ?? 0);
const only = new RegExp(process.env.CRASH_ONLY ?? ".");
const log = process.env.CRASH_LOG ?? "/dev/null";
let isArmed = process.env.CRASH_FROM !== "signal";
let count = 0;

process.on("SIGUSR2", () => {
  isArmed = true;
  appendFileSync(log, "armed\n");
});

/** The process may end here. */
export function crashPoint(name: string): void {
  if (!isArmed || !only.test(name)) return;
  count += 1;
  appendFileSync(log, `point ${count} ${name}\n`);
  if (count === at) process.kill(process.pid, "SIGKILL");
}

/** Writes down what the node is about to tell others, for the test to hold it to. */
export function witness(promise: string): void {
  appendFileSync(log, `promise ${promise}\n`);
}
