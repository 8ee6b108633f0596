/**
 * The core as the driver sees it: a machine with inputs and deadlines. If an input concerns records that the core no longer holds in
 * memory, they are read from the store first (recall.ts).
 *
 * Pure: simulated nodes have the same.
 */
import { withRecalled } from "../core/ledger/recall.ts";
import type { NodeState } from "../core/state.ts";
import { nextDeadlineMs, step } from "../core/step.ts";
import type { Machine } from "./driver.ts";
import { messageOf } from "./errors.ts";
import type { StorePort } from "./ports.ts";

/** @param onUnreadable the store can't be read: the input goes on without its records, and the core answers accordingly */
export function createMachine(
  state: NodeState,
  store: Pick<StorePort, "archive">,
  onUnreadable: (message: string) => void,
): Machine {
  return {
    step(input, nowMs) {
      let whole = input;
      try {
        if (store.archive !== null) whole = withRecalled(state, input, store.archive.recall);
      } catch (error) {
        onUnreadable(`The ledger can't be read: ${messageOf(error)}`);
      }
      return step(state, whole, nowMs);
    },
    nextDeadlineMs: () => nextDeadlineMs(state),
  };
}
