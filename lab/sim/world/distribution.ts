/**
 * Delays as networks have them, drawn with additions, divisions and square roots only: these are rounded alike by every engine, so
 * that a seed gives the same run everywhere (logarithms and sines aren't).
 */
import type { Draw } from "./draw.ts";

/** As in netem(8). `uniform`: any delay is as likely. `normal`: most are near the middle. `pareto`: a few take very long. */
export type Distribution = "uniform" | "normal" | "pareto";

/** The heaviest tail that is drawn, in units of the jitter. */
const PARETO_MAX = 30;

/** An addition to a link's delay, 0 or more; its size is about `jitterMs`. */
export function drawJitter(draw: Draw, distribution: Distribution, jitterMs: number): number {
  if (jitterMs === 0) return 0;
  switch (distribution) {
    case "uniform":
      return draw.between(0, jitterMs);
    case "normal": {
      // Irwin and Hall: the sum of twelve has variance 1. Three deviations below the middle is no addition at all.
      let sum = 0;
      for (let i = 0; i < 12; i++) sum += draw.fraction();
      return Math.max(0, (jitterMs * (sum - 6 + 3)) / 6);
    }
    case "pareto":
      // Shape 2: the mean is the jitter, the variance has no bound.
      return jitterMs * Math.min(PARETO_MAX, 1 / Math.sqrt(1 - draw.fraction()) - 1);
  }
}
