/**
 * Which blocks of one script an input runs, and about how often: V8's own precise coverage, asked in-process through the inspector.
 *
 * Why not Jazzer.js (libFuzzer): its native part needs a newer C library than some systems have, and its older releases fetch one while
 * they are installed. This needs nothing but Node, at some hundred inputs a second.
 */
import { type Profiler, Session } from "node:inspector";

export class Coverage {
  /** `function/block/how often`, as seen in any input until now. */
  private readonly seen = new Set<string>();
  private readonly session = new Session();
  private readonly url: string;

  /** @param url of the script that counts */
  constructor(url: string) {
    this.url = url;
    this.session.connect();
    this.session.post("Profiler.enable");
    this.session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  }

  get size(): number {
    return this.seen.size;
  }

  /** The number of features since the last call that never ran before, or never so often. */
  takeNew(): number {
    let found: readonly Profiler.ScriptCoverage[] = [];
    // In this thread the answer comes before `post` returns.
    this.session.post("Profiler.takePreciseCoverage", (error, { result }) => {
      if (error !== null) throw error;
      found = result;
    });
    let fresh = 0;
    for (const { functions } of found.filter((script) => script.url === this.url)) {
      for (const { ranges } of functions) {
        for (const { startOffset, endOffset, count } of ranges) {
          if (count === 0) continue;
          const feature = `${startOffset}-${endOffset}/${Math.min(8, Math.floor(Math.log2(count)))}`;
          if (this.seen.has(feature)) continue;
          this.seen.add(feature);
          fresh += 1;
        }
      }
    }
    return fresh;
  }
}
