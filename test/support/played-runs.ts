// Runs of the playground that every engine must play alike: random actions of a seed, and all scenarios that are shipped.
import type { AskWorld, PlayAsk, PlaySpec } from "../../lab/play/play-protocol.ts";
import type { Step } from "../../lab/scenario/scenario-schema.ts";
import { Draw } from "../../lab/sim/world/draw.ts";

export interface PlayedRun {
  readonly name: string;
  readonly open: PlayAsk;
  /** Null: until its scenario is over. */
  readonly untilMs: number | null;
}

/** Something that a person could do to five nodes. */
export function drawAction(draw: Draw): object {
  const node = String(draw.integer(1, 5));
  const peer = String(draw.integer(1, 5));
  return draw.pick([
    { kill: { nodes: node } },
    { kill: { nodes: "leader" } },
    { start: { nodes: "all" } },
    { wipe: { nodes: node } },
    { load: { rate: "20/s", for: "1s" } },
    { pause: { nodes: node, for: "700ms" } },
    { sell: { node, peer, amount: 7 } },
    { buy: { node, peer, amount: 3 } },
    { partition: { groups: ["1,2", "3-5"], for: "1500ms" } },
    { netem: { nodes: node, delay: "40ms", jitter: "10ms", loss: "10%" } },
    { heal: {} },
    { election: { node } },
  ]);
}

const LOGS = 50;
const ACTIONS = 6;

export function drawLogs(): readonly PlayedRun[] {
  return Array.from({ length: LOGS }, (_, n) => {
    const draw = new Draw(n, "log");
    let atMs = 0;
    const steps = Array.from({ length: ACTIONS }, (): Step => {
      atMs += draw.between(1, 300);
      return { ...drawAction(draw), at: `${atMs}ms`, background: true } as Step;
    });
    const spec: PlaySpec = { seed: n, nodes: 5, bug: draw.pick([null, null, "amnesia", "split-brain"]), steps };
    return { name: `log ${n}`, open: { ask: "open", spec, untilMs: 0 }, untilMs: atMs + 500 };
  });
}

/** Each scenario of the list that the world itself gives. */
export async function listLessons(ask: AskWorld): Promise<readonly PlayedRun[]> {
  await ask({ ask: "open", spec: { seed: 1, nodes: 1, bug: null, steps: [] }, untilMs: 0 });
  const { lessons } = await ask({ ask: "lessons" });
  return (lessons ?? []).map(({ file }) => ({
    name: file,
    open: { ask: "open-lesson", file, isCured: false },
    untilMs: null,
  }));
}

/** One line a run: its name and its journal's. Runs in the page as well, so it names nothing from outside. @param given absent: a world of the page's */
export async function hashRuns(runs: readonly PlayedRun[], given?: AskWorld): Promise<string[]> {
  const page = globalThis as unknown as { energyLab: { openWorld(): Promise<{ ask: AskWorld }> } };
  const ask = given ?? (await page.energyLab.openWorld()).ask;
  const lines: string[] = [];
  for (const { name, open, untilMs } of runs) {
    let { nowMs, beganMs, script } = await ask(open);
    do {
      ({ nowMs, script } = await ask({ ask: "advance", toMs: untilMs === null ? nowMs + 60_000 : beganMs + untilMs }));
    } while (untilMs === null && script?.state === "running");
    lines.push(`${name} ${(await ask({ ask: "hash" })).hash}`);
  }
  return lines;
}
