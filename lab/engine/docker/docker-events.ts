/**
 * The engine's own record of when nodes started and ended: exact instants, also of deaths that nobody ordered (OOM).
 *
 * Asked for from the moment of the call, not of the first read, so that what happens in between isn't lost.
 */
import type Docker from "dockerode";
import type { NodeId } from "../../../node/wire/ids.ts";
import { DOCKER_LABELS } from "./docker-labels.ts";
import { readJsonLines } from "./docker-stream.ts";

export interface NodeEvent {
  readonly atMs: number;
  readonly node: NodeId;
  readonly what: "start" | "die" | "pause" | "unpause" | "oom";
}

const WHAT: readonly string[] = ["start", "die", "pause", "unpause", "oom"];

export function watchLab(docker: Docker, lab: string, signal: AbortSignal): AsyncGenerator<NodeEvent> {
  const since = (Date.now() / 1000).toFixed(6);
  // dockerode's type says number, which would cost the fraction; the engine takes decimals.
  return read(docker, lab, since as unknown as number, signal);
}

async function* read(docker: Docker, lab: string, since: number, signal: AbortSignal): AsyncGenerator<NodeEvent> {
  const stream = await docker.getEvents({
    since,
    filters: { type: ["container"], event: [...WHAT], label: [`${DOCKER_LABELS.lab}=${lab}`] },
    abortSignal: signal,
  });
  for await (const item of readJsonLines(stream as AsyncIterable<Buffer>)) {
    const event = parse(item);
    if (event !== null) yield event;
  }
}

function parse(item: Record<string, unknown>): NodeEvent | null {
  const actor = item.Actor as { Attributes?: Record<string, string> } | undefined;
  const node = Number(actor?.Attributes?.[DOCKER_LABELS.node]);
  const what = String(item.Action);
  if (!Number.isInteger(node) || !WHAT.includes(what)) return null;
  const nanos = Number(item.timeNano);
  const atMs = Number.isFinite(nanos) ? nanos / 1e6 : Number(item.time) * 1000;
  return { atMs, node, what: what as NodeEvent["what"] };
}
