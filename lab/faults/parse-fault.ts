/**
 * The values of the fault verbs as people type them: `100ms`, `1.5s`, `10%`, `0.1`, `1mbit`, `64kbit`.
 *
 * A number without a unit is refused (base/duration.ts): a fault of the wrong size is worse than a question.
 */
import type { Impairment } from "../../node/wire/control.ts";
import { parseSpan } from "../base/duration.ts";
import type { Hints } from "../base/hint.ts";
import { LabError } from "../base/lab-error.ts";
import { NO_IMPAIRMENT } from "./fault.ts";

const RATE_UNITS: Readonly<Record<string, number>> = { bit: 1, kbit: 1e3, mbit: 1e6, gbit: 1e9 };

const DELAY_MS_MAX = 60_000;
const RATE_BPS_MIN = 1_000;
const RATE_BPS_MAX = 10_000_000_000;

/** The values of a `netem` as texts, by the names of their flags. */
export interface NetemTexts {
  readonly delay?: string | undefined;
  readonly jitter?: string | undefined;
  readonly loss?: string | undefined;
  readonly dup?: string | undefined;
  readonly reorder?: string | undefined;
  readonly rate?: string | undefined;
}

/** @param prefix what stands before a value's name in errors: "--" for flags. @throws LabError("usage") */
export function parseImpairment(texts: NetemTexts, prefix: "" | "--"): Impairment {
  const read = (name: keyof NetemTexts, parse: (text: string, option: string) => number): number => {
    const text = texts[name];
    return text === undefined ? 0 : parse(text, `${prefix}${name}`);
  };
  return {
    cut: false,
    delayMs: read("delay", parseDelayMs),
    jitterMs: read("jitter", parseDelayMs),
    loss: read("loss", parseChance),
    duplicate: read("dup", parseChance),
    reorder: read("reorder", parseChance),
    rateBps: read("rate", parseRateBps),
  };
}

/** @param hint how the caller's user writes one. @throws LabError("usage") for an impairment that changes nothing */
export function assertImpairs(impairment: Impairment, hints: Hints): void {
  const names = Object.keys(NO_IMPAIRMENT) as (keyof Impairment)[];
  if (names.some((name) => impairment[name] !== NO_IMPAIRMENT[name])) return;
  throw new LabError("usage", "netem without anything to impair", hints);
}

/** `--delay`, `--jitter`: 0 to 60 s, in milliseconds, in whole microseconds. Throws LabError("usage"). */
export function parseDelayMs(text: string, option: string): number {
  const hint = "write it as 100ms or 1.5s";
  const spanMs = parseSpan(text, option, "ms");
  if (spanMs > DELAY_MS_MAX) throw outOfRange(option, text, "is more than 60s", hint);
  const wholeMs = Math.round(spanMs * 1_000) / 1_000;
  if (spanMs > 0 && wholeMs === 0) throw outOfRange(option, text, "is less than 1us", hint);
  return wholeMs;
}

/** `--loss`, `--dup`, `--reorder`: a fraction from 0 to 1, in whole millionths, which is what a kernel can do. Throws LabError("usage"). */
export function parseChance(text: string, option: string): number {
  const hint = "write it as 10% or 0.1";
  const match = /^(\d+(?:\.\d+)?|\.\d+)(%?)$/.exec(text.trim());
  if (match === null) throw outOfRange(option, text, "isn't a chance", hint);
  const fraction = Number(match[1]) / (match[2] === "%" ? 100 : 1);
  const whole = Math.round(fraction * 1_000_000) / 1_000_000;
  if (fraction > 0 && whole === 0) throw outOfRange(option, text, "is less than 0.0001%", hint);
  if (fraction <= 1) return whole;
  throw outOfRange(option, text, match[2] === "%" ? "is more than 100%" : "is more than 1", hint);
}

/** `--rate`: bits a second; 0 takes the limit away. Throws LabError("usage"). */
export function parseRateBps(text: string, option: string): number {
  const hint = "write it as 64kbit or 1mbit (bits a second)";
  const match = /^(\d+(?:\.\d+)?)([a-z]*)$/i.exec(text.trim());
  const unit = match === null ? undefined : RATE_UNITS[(match[2] ?? "").toLowerCase()];
  if (match !== null && Number(match[1]) === 0 && (unit !== undefined || match[2] === "")) return 0;
  if (match !== null && match[2] === "")
    throw new LabError("usage", `${option}: ${text} has no unit`, `write ${text}kbit (bits a second)`);
  if (match === null || unit === undefined) throw outOfRange(option, text, "isn't a rate", hint);
  const rateBps = Math.round(Number(match[1]) * unit);
  if (rateBps < RATE_BPS_MIN) throw outOfRange(option, text, "is less than 1kbit", hint);
  if (rateBps > RATE_BPS_MAX) throw outOfRange(option, text, "is more than 10gbit", hint);
  return rateBps;
}

function outOfRange(option: string, text: string, what: string, hint: string): LabError {
  return new LabError("usage", `${option} ${text}: ${what}`, hint);
}
