/** Runs that were left when somebody acted in the past: each can be taken up again. */
import type { Store } from "../app/page-store.ts";
import { findParting, nameStep } from "../model/branches.ts";
import { formatClock } from "../model/format-time.ts";

export function Branches({ store }: { readonly store: Store }) {
  const { world, bounds } = store;
  if (world === null || world.branches.length === 0) return null;
  return (
    <fieldset>
      <legend>Other branches</legend>
      <ul class="plain-list">
        {world.branches.map((branch, index) => {
          const { atMs, step } = findParting(world.spec?.steps ?? [], branch.spec.steps);
          const since = atMs === null ? branch.untilMs : atMs;
          return (
            <li key={branch.number}>
              <button type="button" class="line" title="Go on there" onClick={() => world.take(index)}>
                <span class="when">{formatClock(world.beganMs + since - bounds.beginMs)}</span>
                {step === null ? "nothing more was done" : nameStep(step)}
                <small>
                  {branch.spec.steps.length} actions, {formatClock(branch.untilMs)} long
                </small>
              </button>
            </li>
          );
        })}
      </ul>
    </fieldset>
  );
}
