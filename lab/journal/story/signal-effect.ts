/**
 * The effect of each signal on a node's process. The one table: `lab kill`, the checkers and the pictures read it.
 *
 * The node handles TERM and INT (it leaves the cluster, then exits) and HUP (it reads its keys again); see node/runtime/main.ts. Node.js
 * itself handles USR1 (it opens the inspector) and ignores PIPE. All others have the kernel's default, with one exception: a
 * container's first process is sent nothing that it has no handler for, except KILL and STOP (pid_namespaces(7)).
 */
import type { RunFacts } from "../journal.ts";

/** `leaves`: the node says goodbye and exits; `ends`: the process is gone at once. */
export type SignalEffect = "ends" | "leaves" | "pauses" | "resumes" | "none";

const EFFECTS: Readonly<Record<string, SignalEffect>> = {
  SIGKILL: "ends",
  SIGTERM: "leaves",
  SIGINT: "leaves",
  SIGSTOP: "pauses",
  SIGCONT: "resumes",
  SIGHUP: "none",
  SIGUSR1: "none",
  SIGPIPE: "none",
  // The kernel's default for these is to do nothing.
  SIGWINCH: "none",
  SIGURG: "none",
  SIGCHLD: "none",
};

/** The signals that a terminal sends to stop a process; they stop it where nothing handles them. */
const TERMINAL_STOPS = new Set(["SIGTSTP", "SIGTTIN", "SIGTTOU"]);

/** @param signal `SIGKILL`, `KILL`; a name that isn't in the table has the kernel's default; absent: as `lab kill` without one */
export function effectOfSignal(signal: string | undefined, runtime: RunFacts["runtime"]): SignalEffect {
  if (signal === undefined) return "ends";
  const name = signal.startsWith("SIG") ? signal : `SIG${signal}`;
  const known = EFFECTS[name];
  if (known !== undefined) return known;
  if (runtime === "docker" || runtime === "swarm") return "none";
  return TERMINAL_STOPS.has(name) ? "pauses" : "ends";
}
