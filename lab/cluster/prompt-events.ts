/**
 * The notable lines of a lab for somebody at a prompt: of whatever lab has the name, now or once it is brought up.
 */
import { REAL_CLOCK, sleep } from "../base/lab-clock.ts";
import { LabError } from "../base/lab-error.ts";
import type { Entry } from "../journal/entry.ts";
import { isNotable } from "../journal/notable.ts";
import { followJournal } from "./follow-journal.ts";
import type { RuntimeChoice } from "./open-engine.ts";
import { openHandle } from "./open-handle.ts";

export interface PromptEventsOptions {
  readonly name: string;
  readonly runtime: RuntimeChoice;
  readonly signal: AbortSignal;
  readonly onEvent: (entry: Entry) => void;
}

/** Between two looks whether the lab is (still) there, and which nodes it has. */
const LOOK_MS = 1_000;

/** Resolves when the signal ends it. Trouble with an engine is left to the commands that are typed. */
export async function followEvents(options: PromptEventsOptions): Promise<void> {
  const { signal } = options;
  let isFirst = true;
  while (!signal.aborted) {
    await followOnce(options, isFirst).catch((error: unknown) => {
      if (!(error instanceof LabError)) throw error;
    });
    isFirst = false;
    await sleep(REAL_CLOCK, LOOK_MS, signal).catch(() => {});
  }
}

/** @param isFirst false: the lab was brought up meanwhile, and all that it says is new */
async function followOnce({ name, runtime, signal, onEvent }: PromptEventsOptions, isFirst: boolean): Promise<void> {
  await using lab = await openHandle(name, { runtime });
  const gone = new AbortController();
  const either = AbortSignal.any([signal, gone.signal]);
  const following = followJournal(lab, {
    tail: isFirst ? 0 : null,
    signal: either,
    onEntries: (entries, isPast) => {
      if (!(isPast && isFirst)) for (const entry of entries) if (isNotable(entry)) onEvent(entry);
    },
  });
  const run = lab.info.run;
  try {
    while (!either.aborted) {
      await sleep(REAL_CLOCK, LOOK_MS, either).catch(() => {});
      if (!either.aborted && (await lab.refresh()).run !== run) break;
    }
  } finally {
    gone.abort();
    await following;
  }
}
