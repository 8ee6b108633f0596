/**
 * Signal names as people write them: `9`, `kill`, `TERM`, `SIGHUP`.
 */
import { constants } from "node:os";
import { LabError } from "./lab-error.ts";
import { didYouMean } from "./suggest.ts";

/** "SIGKILL" and the like. Throws LabError("usage") with the nearest name. */
export function normalizeSignal(text: string): NodeJS.Signals {
  const names = Object.keys(constants.signals);
  const upper = text.toUpperCase();
  const byNumber = names.find((name) => String(constants.signals[name as NodeJS.Signals]) === text);
  const found = byNumber ?? names.find((name) => name === upper || name === `SIG${upper}`);
  if (found !== undefined) return found as NodeJS.Signals;
  const short = names.map((name) => name.slice(3));
  const hint = didYouMean(upper.replace(/^SIG/, ""), short, "write KILL, TERM, INT, HUP, …");
  throw new LabError("usage", `there is no signal "${text}"`, hint);
}
