/**
 * No node that runs and can be reached is declared FAILED. Suspicions of such nodes are allowed, and counted; accusations.ts says what excuses
 * an accuser. A node that never gave a sign again is no proof: it may have ended unseen.
 */
import { type Checker, formatCount } from "./checker.ts";

export const noFalseFailures: Checker = {
  name: "no-false-failures",
  promise: "no node that runs and can be reached is declared FAILED",
  guards: "L4",
  needs: "events",
  open: ({ story }) => ({
    take: () => {},
    finish: ({ accusations, doubt }) => {
      const failures = accusations.filter(({ entry }) => entry.state === "FAILED");
      const suspicions = accusations.filter(({ entry, isExcused }) => entry.state === "SUSPECTED" && !isExcused);
      const unseen = failures
        .filter(({ isExcused, isLast }) => !isExcused && !isLast)
        .map(({ entry, peer }) => ({
          what: `node ${entry.node} declares node ${peer} FAILED, which runs and can be reached`,
          proof: [entry],
        }));
      const judged = story.lives.all.length;
      const counted = `${formatCount(judged)} processes, ${formatCount(failures.length)} nodes declared FAILED, ${formatCount(suspicions.length)} false suspicions`;
      return { unseen, counted, judged, open: doubt };
    },
  }),
};
