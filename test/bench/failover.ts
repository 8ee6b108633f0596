/**
 * From the death of the coordinator to the moment when the last survivor follows the next one.
 *
 * The clock starts with the engine's `die` event where it has one (Docker), else with the kill command's return, and ends at the
 * newest "I follow N" among the survivors, asked every few milliseconds over their control channel.
 */
import { setTimeout as pause } from "node:timers/promises";
import { judgeAgreement } from "../../lab/cluster/judge-agreement.ts";
import type { LabHandle } from "../../lab/cluster/lab-handle.ts";
import { openHandle } from "../../lab/cluster/open-handle.ts";
import type { NodeId } from "../../node/wire/ids.ts";
import { lab as cli } from "./command.ts";
import type { Report } from "./report.ts";

export async function benchFailover(
  report: Report,
  options: { runtime: "docker" | "local"; profile: "fast" | "default"; nodes: number; kills: number; goalMs: number },
): Promise<void> {
  const name = `bench-failover-${options.profile}`;
  report.heading(`lab kill leader, ${options.nodes} nodes, profile ${options.profile} (${options.runtime})`);
  await cli(
    "up",
    "--name",
    name,
    "--nodes",
    String(options.nodes),
    "--profile",
    options.profile,
    "--runtime",
    options.runtime,
  );
  try {
    const samples: number[] = [];
    const back: number[] = [];
    for (let i = 0; i < options.kills; i++) {
      await using lab = await openHandle(name, { runtime: options.runtime });
      const leader = await lab.coordinator();
      if (leader === null) throw new Error("no coordinator before the kill");
      samples.push(await timeFailover(lab, leader));
      back.push(await timeReturn(lab, leader));
    }
    report.row({
      what: "kill to new coordinator agreed by all survivors",
      unit: "ms",
      samples,
      goal: { of: "median", atMost: options.goalMs },
    });
    report.row({ what: "start to the old one leading again, agreed by all", unit: "ms", samples: back, goal: null });
  } finally {
    await cli("down", "--name", name);
  }
}

async function timeFailover(lab: LabHandle, leader: NodeId): Promise<number> {
  const abort = new AbortController();
  const died = firstDeath(lab, leader, abort.signal);
  await lab.engine.kill(lab.name, leader, "SIGKILL");
  const diedAtMs = (await Promise.race([died, pause(200, null)])) ?? Date.now();
  abort.abort();
  await lab.refresh();
  const agreedAtMs = await agreedWithout(lab, leader);
  return agreedAtMs - diedAtMs;
}

/** When the engine saw the node die; null: it doesn't tell. */
export async function firstDeath(lab: LabHandle, leader: NodeId, signal: AbortSignal): Promise<number | null> {
  try {
    for await (const event of lab.engine.events(lab.name, signal))
      if (event.what === "die" && event.node === leader) return event.atMs;
  } catch {
    // An engine without events, or aborted: the caller takes the instant at which the kill returned.
  }
  return null;
}

async function agreedWithout(lab: LabHandle, dead: NodeId): Promise<number> {
  const deadlineMs = Date.now() + 30_000;
  while (Date.now() < deadlineMs) {
    const verdict = judgeAgreement(await lab.ping());
    if (verdict.agreed && verdict.coordinator !== dead) return Date.now();
    await pause(5);
  }
  throw new Error("the survivors didn't agree within 30 s");
}

async function timeReturn(lab: LabHandle, leader: NodeId): Promise<number> {
  const startMs = Date.now();
  await lab.engine.start(lab.name, leader);
  await lab.refresh();
  const deadlineMs = startMs + 60_000;
  while (Date.now() < deadlineMs) {
    const verdict = judgeAgreement(await lab.ping());
    if (verdict.agreed && verdict.coordinator === leader) return Date.now() - startMs;
    await pause(10);
  }
  throw new Error(`node ${leader} didn't lead again within 60 s`);
}
