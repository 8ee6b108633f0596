/** Who ended, by whatever end, is FAILED or LEFT at all others within the bound of detection, if nothing else is wrong meanwhile. */
import { boundsOf } from "./bounds.ts";
import { defineChecker, formatCount } from "./define.ts";
import { findCalms, lastLine, seconds } from "./presence.ts";
import { troublesOf } from "./troubles.ts";
import type { Violation } from "./verdict.ts";

export const detection = defineChecker({
  name: "detection",
  promise: "a node that failed or left is noticed by all others within its bound",
  needs: "events",
  find: (story) => {
    const { detectMs } = boundsOf(story);
    const { down } = troublesOf(story);
    const { calms, open } = findCalms(story, detectMs);
    const violations: Violation[] = [];
    let noticed = 0;
    for (const { fromMs, toMs, present } of calms) {
      const gone = [...down].filter(([, spans]) => spans.some((span) => span.fromMs <= fromMs && toMs <= span.toMs));
      for (const life of present) {
        for (const [id] of gone) {
          const view = lastLine(life, fromMs + detectMs, ({ kind, peer }) => kind === "member" && peer === id);
          if (view === null) continue;
          noticed += 1;
          if (view.state === "FAILED" || view.state === "LEFT") continue;
          const what = `node ${life.node} holds node ${id} for ${String(view.state)}, more than ${seconds(detectMs)} after its end`;
          violations.push({ what, proof: [view] });
        }
      }
    }
    return { violations, counted: `${formatCount(noticed)} ends noticed, bound ${seconds(detectMs)}`, open };
  },
});
