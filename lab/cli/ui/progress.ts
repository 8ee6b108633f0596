/**
 * Shows long work on stderr: one line that is redrawn in a terminal, a line for each finished step elsewhere, JSON lines with
 * `-o json`. Work reports events (engine.ts, Progress) and knows nothing of the screen.
 */

import { type Hint, renderHint } from "../../base/hint.ts";
import type { Progress } from "../../engine/engine.ts";
import type { Printer } from "./printer.ts";

/** Between two lines about what is being waited for. */
const INFO_MS = 2_000;
/** Said the first time, whatever else was said. */
const ONCE: ReadonlySet<string> = new Set(["lock", "control"]);
/** Steps that last long enough to be announced where nothing can be redrawn. */
const LONG_STEPS: ReadonlySet<string> = new Set(["image", "base image", "bundle", "agree", "remove", "election"]);

/** @param render a hint as it can be typed here */
export function createProgress(
  printer: Printer,
  columns = process.stderr.columns || 100,
  render: (hint: Hint) => string = (hint) => renderHint(hint),
): Progress {
  if (printer.json)
    return ({ hint, ...event }) => {
      const progress = hint === undefined ? event : { ...event, hint: render(hint) };
      printer.raw(`${JSON.stringify({ progress })}\n`);
    };
  const show = printer.live ? createLiveProgress(printer, columns) : createPlainProgress(printer);
  return (event) => {
    show(event);
    if (event.hint !== undefined) printer.say(`  ${render(event.hint)}`);
  };
}

function createPlainProgress(printer: Printer): Progress {
  let toldAtMs = performance.now();
  const told = new Set<string>();
  return ({ step, state, detail = "", node }) => {
    if (node !== undefined) return;
    if (state === "info") {
      // The missing part changes many times a second; a line now and then shows that the command is alive.
      const isOnce = ONCE.has(step) && !told.has(detail);
      if (!isOnce && performance.now() - toldAtMs < INFO_MS) return;
      told.add(detail);
      toldAtMs = performance.now();
      printer.say(`  ${step.padEnd(8)} ${detail}`);
      return;
    }
    toldAtMs = performance.now();
    if (state === "start" && !LONG_STEPS.has(step)) return;
    const sign = state === "start" ? "..." : state === "done" ? "ok" : "failed";
    printer.say(`  ${step.padEnd(8)} ${sign}${detail === "" ? "" : `  ${detail}`}`);
  };
}

function createLiveProgress(printer: Printer, columns: number): Progress {
  const open = new Map<string, string>();
  const finished = new Map<string, number>();
  return ({ step, state, detail = "", node }) => {
    if (node !== undefined) {
      if (state === "done") finished.set(step, (finished.get(step) ?? 0) + 1);
      if (!open.has(step)) return;
    } else if (state === "done") {
      open.delete(step);
    } else if (state === "failed") {
      open.delete(step);
      printer.say(`${step} failed${detail === "" ? "" : `: ${detail}`}`);
    } else open.set(step, detail);
    if (open.size === 0) {
      printer.clear();
      return;
    }
    const text = [...open].map(([name, what]) => (what === "" ? name : `${name}: ${what}`)).join(" · ");
    printer.draw(text.slice(0, columns - 1), () => printer.raw("\r\u001b[K"));
  };
}
