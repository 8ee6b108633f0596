/** Messages on their way at an instant of a run, named as the world names them: `3-1.17>2` (lab/sim/cluster/traffic.ts). */
import type { MessageKind } from "../../journal/message-kinds.ts";
import type { Story } from "../../journal/story/story.ts";
import { type Copy, forEachCopy } from "./copies.ts";

export interface Flying {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  readonly types: readonly string[];
  readonly kind: MessageKind;
  readonly dueMs: number;
}

/** Longer than any delay that a link may have. */
const FLIGHT_MS_MAX = 60_000;

/** The flight in which a copy of a message travels, maybe with others. */
export function flightOf({ trip, to }: Copy): string {
  return `${trip.id.split("/")[0]}>${to}`;
}

/** What the journal shows to be on its way: in the past it is known what came of it. In the order of arrival. */
export function flyingAt(story: Story, atMs: number): readonly Flying[] {
  const found = new Map<string, Flying>();
  forEachCopy(story, atMs - FLIGHT_MS_MAX, atMs, (copy) => {
    const dueMs = Number.isNaN(copy.receivedAtMs) ? copy.droppedAtMs : copy.receivedAtMs;
    if (!(dueMs > atMs)) return;
    const name = flightOf(copy);
    const types = [...(found.get(name)?.types ?? []), copy.trip.type];
    found.set(name, { name, from: copy.from, to: copy.to, types, kind: found.get(name)?.kind ?? copy.kind, dueMs });
  });
  return [...found.values()].sort((a, b) => a.dueMs - b.dueMs);
}
