/**
 * A lab that runs, as a source of `lab dash`: its journal and snapshots go into one feed, commands into the code behind the `lab` verbs.
 *
 * Nobody is asked for snapshots while nobody reads. When the lab goes, the readers are told and it is over; an engine that is silent for
 * a while is reported, and waited for.
 */
import { REAL_CLOCK, sleep } from "../base/lab-clock.ts";
import { LabError } from "../base/lab-error.ts";
import { followJournal } from "../cluster/follow-journal.ts";
import type { LabHandle } from "../cluster/lab-handle.ts";
import { readDetail } from "../journal/detail.ts";
import type { RunFacts } from "../journal/journal.ts";
import { Feed } from "./feed.ts";
import { takeSnapshot } from "./lab-snapshot.ts";
import type { Snapshot } from "./protocol.ts";

export interface LiveFeed {
  readonly feed: Feed;
  /** Resolves when the lab is gone or `signal` ended it; says why. */
  readonly ended: Promise<"lab-gone" | "interrupted">;
  /** A fresh one, at most a second old. */
  snapshot(): Promise<Snapshot>;
}

/** Lines of each node from before, where nobody says how many. */
const PAST_LINES = 5_000;
const SNAPSHOT_MS = 800;
/** Many nodes have long tables: together they are asked for about so many rows a second. */
const ROWS_A_SECOND = 800;
const RETRY_MS = 1_000;

/** @param tail lines of each node from before now */
export function openLiveFeed(lab: LabHandle, signal: AbortSignal, tail = PAST_LINES): LiveFeed {
  const feed = new Feed({ mode: "live", facts: describeFacts(lab), nowMs: () => lab.clock.wallMs() });
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  const following = followJournal(lab, {
    tail,
    signal: either,
    onEntries: (entries) => feed.append(entries),
    onTrouble: (why) =>
      feed.say(
        why === null
          ? { type: "notice", level: "info", code: "engine-back", text: "the engine answers again" }
          : { type: "notice", level: "warn", code: "engine-silent", text: `no logs: ${why}` },
      ),
  });
  const pacing = lab.engine.name === "sim" ? passTime(lab, either) : Promise.resolve();
  const looking = lookAgainAndAgain(lab, feed, either).finally(() => over.abort());
  return {
    feed,
    ended: Promise.all([looking, following, pacing]).then(([why]) => why),
    async snapshot() {
      const last = feed.snapshot;
      if (last !== null && lab.clock.wallMs() - last.atMs < 1_000) return last;
      return await takeSnapshot(lab, either);
    },
  };
}

async function lookAgainAndAgain(lab: LabHandle, feed: Feed, signal: AbortSignal): Promise<"lab-gone" | "interrupted"> {
  let isSilent = false;
  while (!signal.aborted) {
    try {
      feed.show(await takeSnapshot(lab, signal));
      if (isSilent) feed.say({ type: "notice", level: "info", code: "engine-back", text: "the engine answers again" });
      isSilent = false;
    } catch (error) {
      if (signal.aborted) break;
      if (!(error instanceof LabError)) throw error;
      if (error.exit === "notFound") {
        feed.say({ type: "end", why: "lab-gone", text: `lab "${lab.name}" was taken down` });
        return "lab-gone";
      }
      if (!isSilent) feed.say({ type: "notice", level: "warn", code: "engine-silent", text: error.message });
      isSilent = true;
    }
    const nodes = lab.ids.length;
    const pauseMs = isSilent ? RETRY_MS : Math.max(SNAPSHOT_MS, (nodes * nodes * 1_000) / ROWS_A_SECOND);
    await sleep(REAL_CLOCK, pauseMs, signal).catch(() => {});
  }
  return "interrupted";
}

/** Virtual time passes while somebody waits for it: here as fast as the page is watched. */
async function passTime(lab: LabHandle, signal: AbortSignal): Promise<void> {
  const STEP_MS = 20;
  let dueMs = REAL_CLOCK.nowMs();
  while (!signal.aborted && lab.clock.failure === null) {
    await sleep(lab.clock, STEP_MS, signal).catch(() => {});
    dueMs += STEP_MS;
    const aheadMs = dueMs - REAL_CLOCK.nowMs();
    if (aheadMs > 0) await sleep(REAL_CLOCK, aheadMs, signal).catch(() => {});
    // What a slow machine couldn't play isn't made up for.
    else dueMs = REAL_CLOCK.nowMs();
  }
}

function describeFacts(lab: LabHandle): RunFacts {
  const { name, run, runtime, profile, voters, env } = lab.info;
  return { ...{ lab: name, run, runtime, profile, voters, nodes: lab.ids, seed: null }, ...readDetail(env) };
}
