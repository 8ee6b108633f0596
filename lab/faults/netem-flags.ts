/**
 * The values of `lab netem` as its flags: the inverse of parse-fault.ts. Pure, and used by the page as well, which offers the command
 * line of what its sliders say.
 */
import type { Impairment } from "../../node/wire/control.ts";

/** `["--delay", "100ms", "--loss", "10%"]`: a flag for each value that is given and isn't 0. */
export function netemFlags(impairment: Partial<Impairment>): readonly string[] {
  const { delayMs, jitterMs, loss, duplicate, reorder, rateBps } = impairment;
  return [
    ...spanFlag("--delay", delayMs),
    ...spanFlag("--jitter", jitterMs),
    ...chanceFlag("--loss", loss),
    ...chanceFlag("--dup", duplicate),
    ...chanceFlag("--reorder", reorder),
    ...(rateBps === undefined || rateBps === 0 ? [] : ["--rate", formatRate(rateBps)]),
  ];
}

/** `["--for", "30s"]`; nothing without a span. */
export function spanFlag(flag: string, ms: number | null | undefined): readonly string[] {
  if (ms === undefined || ms === null || ms <= 0) return [];
  return [flag, ms >= 1_000 && ms % 1_000 === 0 ? `${ms / 1_000}s` : `${ms}ms`];
}

function chanceFlag(flag: string, chance: number | undefined): readonly string[] {
  if (chance === undefined || chance <= 0) return [];
  return [flag, `${Number((chance * 100).toFixed(4))}%`];
}

function formatRate(rateBps: number): string {
  if (rateBps % 1_000_000 === 0) return `${rateBps / 1_000_000}mbit`;
  return rateBps % 1_000 === 0 ? `${rateBps / 1_000}kbit` : `${rateBps}bit`;
}
