/**
 * Shows long work on stderr: one line that is drawn anew in a terminal, a line per finished step elsewhere, JSON lines with
 * `-o json`. Work reports events (engine.ts, Progress) and knows nothing of the screen.
 */
import type { Progress } from "../engine/engine.ts";
import type { Printer } from "./printer.ts";

/** Steps that last long enough to be announced where nothing can be redrawn. */
const LONG_STEPS: ReadonlySet<string> = new Set(["image", "base", "bundle", "agree", "remove", "election", "lock"]);

export function createProgress(printer: Printer, columns = process.stderr.columns ?? 100): Progress {
  if (printer.json) return (event) => printer.raw(`${JSON.stringify({ progress: event })}\n`);
  if (printer.live) return createLiveProgress(printer, columns);
  return ({ step, state, detail = "", node }) => {
    if (node !== undefined || state === "info") return;
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
