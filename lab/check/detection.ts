/** Who ended, by whatever end, is FAILED or LEFT at all others within the bound of detection, if nothing else is wrong meanwhile. */
import type { Entry } from "../journal/entry.ts";
import { boundsOf } from "./bounds.ts";
import { defineChecker, formatCount } from "./define.ts";
import { type Calm, findCalms, lastLine, seconds } from "./presence.ts";
import type { Life } from "./story.ts";
import { type Troubles, troublesOf } from "./troubles.ts";
import type { Violation } from "./verdict.ts";

export const detection = defineChecker({
  name: "detection",
  promise: "a node that failed or left is noticed by all others within its bound",
  needs: "events",
  find: (story) => {
    const { detectMs } = boundsOf(story);
    const { down } = troublesOf(story);
    const { calms, tail, tooEarly } = findCalms(story, detectMs);
    const unseen: Violation[] = [];
    let noticed = 0;
    for (const calm of calms) {
      for (const { life, id, view } of findViews(calm, down, calm.fromMs + detectMs)) {
        noticed += 1;
        if (isNoticed(view)) continue;
        const what = `node ${life.node} holds node ${id} for ${String(view.state)}, more than ${seconds(detectMs)} after its end`;
        unseen.push({ what, proof: [view] });
      }
    }
    const late = tail === null ? [] : findViews(tail, down, tail.toMs);
    const open = late.every(({ view }) => isNoticed(view)) ? undefined : tooEarly;
    return {
      violations: [],
      unseen,
      counted: `${formatCount(noticed)} ends noticed, bound ${seconds(detectMs)}`,
      open,
    };
  },
});

interface View {
  readonly life: Life;
  readonly id: number;
  readonly view: Entry;
}

/** What each of those present thinks, at that time, of each that was down all the while; nothing, if it never knew it. */
function findViews({ fromMs, toMs, present }: Calm, down: Troubles["down"], atMs: number): readonly View[] {
  const gone = [...down].filter(([, spans]) => spans.some((span) => span.fromMs <= fromMs && toMs <= span.toMs));
  return present.flatMap((life) =>
    gone.flatMap(([id]) => {
      const view = lastLine(life, atMs, ({ kind, peer }) => kind === "member" && peer === id);
      return view === null ? [] : [{ life, id, view }];
    }),
  );
}

function isNoticed({ state }: Entry): boolean {
  return state === "FAILED" || state === "LEFT";
}
