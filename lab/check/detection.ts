/** A node that ended, however it did, is FAILED or LEFT at all others within the bound of detection, if nothing else is wrong meanwhile. */
import type { Entry } from "../journal/entry.ts";
import type { Life } from "../journal/story/lives.ts";
import type { Troubles } from "../journal/story/troubles.ts";
import { type Checker, formatCount } from "./checker.ts";
import { LinesOfLives } from "./lines-of-lives.ts";
import { type Calm, findCalms, seconds } from "./presence.ts";
import type { Violation } from "./verdict.ts";

export const detection: Checker = {
  name: "detection",
  promise: "a node that failed or left is noticed by all others within its bound",
  guards: "L4",
  needs: "events",
  open: () => {
    /** By peer. */
    const views = new Map<number, LinesOfLives>();
    return {
      take({ entry, life }) {
        if (entry.kind !== "member" || life === null || entry.peer === undefined) return;
        const ofPeer = views.get(entry.peer) ?? new LinesOfLives();
        views.set(entry.peer, ofPeer);
        ofPeer.add(life, entry);
      },
      finish: (ending) => {
        const { detectMs } = ending.bounds;
        const { down } = ending.troubles;
        const { calms, tail, tooEarly } = findCalms(ending, detectMs);
        const unseen: Violation[] = [];
        let noticed = 0;
        for (const calm of calms) {
          for (const { life, id, view } of findViews(views, calm, down, calm.fromMs + detectMs)) {
            if (isNoticed(view)) {
              noticed += 1;
              continue;
            }
            const what = `node ${life.node} holds node ${id} for ${String(view.state)}, more than ${seconds(detectMs)} after its end`;
            unseen.push({ what, proof: [view] });
          }
        }
        const late = tail === null ? [] : findViews(views, tail, down, tail.toMs);
        const lateNoticed = late.filter(({ view }) => isNoticed(view)).length;
        const counted = `${formatCount(noticed + lateNoticed)} ends noticed, bound ${seconds(detectMs)}`;
        const judged = noticed + unseen.length + late.length;
        if (ending.doubt !== null) return { counted, judged, open: ending.doubt };
        return { unseen, counted, judged, open: lateNoticed === late.length ? null : tooEarly };
      },
    };
  },
};

interface View {
  readonly life: Life;
  readonly id: number;
  readonly view: Entry;
}

/** The opinion of each node that is present, at that time, of each that was down all the while; nothing, if it never knew it. */
function findViews(
  views: ReadonlyMap<number, LinesOfLives>,
  { fromMs, toMs, present }: Calm,
  down: Troubles["down"],
  atMs: number,
): readonly View[] {
  const gone = [...down].filter(([, spans]) => spans.some((span) => span.surelyFromMs <= fromMs && toMs <= span.toMs));
  return present.flatMap((life) =>
    gone.flatMap(([id]) => {
      const view = views.get(id)?.last(life, atMs) ?? null;
      return view === null ? [] : [{ life, id, view }];
    }),
  );
}

function isNoticed({ state }: Entry): boolean {
  return state === "FAILED" || state === "LEFT";
}
