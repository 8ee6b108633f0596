/**
 * Each process of a node has a higher incarnation than all before it, unless its disk was replaced, and no node goes back to an earlier
 * process of a peer.
 */
import type { Entry } from "../journal/entry.ts";
import type { Life } from "../journal/story/lives.ts";
import { type Checker, formatCount } from "./checker.ts";

export const incarnations: Checker = {
  name: "incarnations",
  promise: "incarnations of a node grow, and no node goes back to an earlier one",
  guards: "S10",
  needs: "events",
  open: ({ story, report }) => {
    const lastLine = new WeakMap<Life, Entry>();
    const believed = new WeakMap<Life, Map<number, Entry>>();
    const takeBoot = (entry: Entry, life: Life): void => {
      const before = story.lives.ofNode.get(life.node)?.at(life.number - 1);
      if (life.number === 0 || before === undefined || story.lives.wiped.has(life.node)) return;
      if (entry.inc > before.inc || entry.durable === false) return;
      report(
        `node ${life.node} starts as incarnation ${entry.inc} after ${before.inc}`,
        [lastLine.get(before), entry],
        life.node,
      );
    };
    const takeView = (entry: Entry, life: Life): void => {
      const { peer, peer_inc: inc } = entry;
      if (peer === undefined || inc === undefined || !life.isWhole) return;
      const views = believed.get(life) ?? new Map<number, Entry>();
      believed.set(life, views);
      const before = views.get(peer);
      if (before !== undefined && inc < (before.peer_inc ?? 0)) {
        const what = `node ${life.node} goes back from incarnation ${before.peer_inc} of node ${peer} to ${inc}`;
        report(what, [before, entry], life.node);
      }
      views.set(peer, entry);
    };
    return {
      take({ entry, life }) {
        if (life === null) return;
        if (entry.books === "boot") takeBoot(entry, life);
        if (entry.kind === "member") takeView(entry, life);
        lastLine.set(life, entry);
      },
      finish: () => ({ counted: `${formatCount(story.lives.all.length)} processes`, judged: story.lives.all.length }),
    };
  },
};
