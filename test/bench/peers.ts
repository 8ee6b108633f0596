/**
 * Serf beside our own nodes, broken in the same way in one run: how long until all survivors hold a dead node for failed, how long until all
 * hold it for alive again, and how many of those that live are suspected or given up while the network loses a fifth of all datagrams.
 *
 * Instants are of the journals: of what the lab did, and of what each node said. Serf runs with its defaults for a LAN.
 */
import { setTimeout as pause } from "node:timers/promises";
import { lab as cli } from "./command.ts";
import type { Report } from "./report.ts";

interface System {
  readonly what: string;
  readonly up: readonly string[];
  /** The condition under which all others hold the victim for this. */
  readonly holds: (state: "FAILED" | "ALIVE") => string;
}

const VICTIM = 4;
const NODES = 5;
const SYSTEMS: readonly System[] = [
  {
    what: "serf",
    up: ["-f", "compose/programs/serf/lab.yaml"],
    holds: (state) => `ask:members members[name="n${VICTIM}"].status = "${state.toLowerCase()}"`,
  },
  { what: "ours, default", up: ["--profile", "default"], holds: (state) => `state:${VICTIM}=${state}` },
  { what: "ours, fast", up: ["--profile", "fast"], holds: (state) => `state:${VICTIM}=${state}` },
];

/** A line that says what a node holds another one for, in the words of either system, or what the lab did. */
interface Line {
  readonly time: number;
  readonly node: number;
  readonly kind: string;
  readonly action?: string;
  readonly peer?: number;
  readonly state?: string;
  readonly fields?: { readonly peer?: string; readonly state?: string };
}

export async function benchPeers(report: Report, options: { rounds: number; lossSeconds: number }): Promise<void> {
  report.heading(
    `serf and ours, ${NODES} nodes (docker), ${options.rounds} crashes, ${options.lossSeconds} s with 20 % loss`,
  );
  for (const system of SYSTEMS) await benchSystem(report, system, options);
}

async function benchSystem(
  report: Report,
  { what, up, holds }: System,
  { rounds, lossSeconds }: { rounds: number; lossSeconds: number },
): Promise<void> {
  const name = `bench-peers-${what.replace(/\W+/g, "-")}`;
  const lab = (...words: readonly string[]) => cli(...words, "--name", name, "--runtime", "docker");
  const wait = (state: "FAILED" | "ALIVE") => lab("wait", holds(state), "--timeout", "60s");
  const [failed, alive]: [number[], number[]] = [[], []];
  await lab("up", "--nodes", String(NODES), ...up);
  try {
    await wait("ALIVE");
    for (let round = 0; round < rounds; round++) {
      await lab("kill", String(VICTIM));
      await wait("FAILED");
      await lab("start", String(VICTIM));
      await wait("ALIVE");
      const lines = await readLines(lab);
      const of = (action: string) => lines.findLast((line) => line.node === 0 && line.action === action)?.time ?? 0;
      // `start` is written down when it is done, and a node may be heard before.
      const [killedMs, startedMs] = [of("kill"), of("start")];
      failed.push(lastOf(lines, "FAILED", killedMs) - killedMs);
      alive.push(lastOf(lines, "ALIVE", lastOf(lines, "FAILED", killedMs)) - startedMs);
    }
    await lab("netem", "all", "--loss", "20%");
    const sinceMs = Date.now();
    await pause(lossSeconds * 1_000);
    const lines = (await readLines(lab)).filter(({ time }) => time > sinceMs);
    const count = (state: string) => lines.filter((line) => viewOf(line)?.state === state).length;
    report.row({ what: `${what}: crash to FAILED by all`, unit: "ms", samples: failed, goal: null });
    report.row({ what: `${what}: start to ALIVE for all`, unit: "ms", samples: alive, goal: null });
    for (const state of ["SUSPECTED", "FAILED"]) {
      report.row({
        what: `${what}: living nodes ${state} at 20 % loss`,
        unit: "count",
        samples: [count(state)],
        goal: null,
      });
    }
  } finally {
    await cli("down", "--name", name, "--runtime", "docker");
  }
}

async function readLines(lab: (...words: string[]) => Promise<{ stdout: string }>): Promise<readonly Line[]> {
  const { stdout } = await lab("events", "-o", "json");
  return stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
}

function viewOf({ node, kind, peer, state, fields }: Line): { readonly peer: number; readonly state: string } | null {
  if (node === 0) return null;
  if (kind === "member" && peer !== undefined && state !== undefined) return { peer, state };
  return fields?.peer === undefined ? null : { peer: Number(fields.peer), state: fields.state ?? "" };
}

/** When the last of the others first said so after `sinceMs`. */
function lastOf(lines: readonly Line[], state: string, sinceMs: number): number {
  const said = lines.filter((line) => {
    const view = viewOf(line);
    return line.time >= sinceMs && line.node !== VICTIM && view?.peer === VICTIM && view.state === state;
  });
  const firsts = [...Map.groupBy(said, ({ node }) => node).values()].map(([first]) => first?.time ?? 0);
  return Math.max(...firsts);
}
