/**
 * Logs for ShiViz and TSViz, which draw space-time diagrams in a browser (https://bestchai.bitbucket.io/shiviz/). The first line is the
 * expression that takes the log apart, the second one (empty) would part several runs, then come two lines for each event.
 *
 * By hand: a format of two lines for each event, for which there is no package.
 */
import type { Journal } from "../journal/journal.ts";
import { type ClockedEvent, computeClocks } from "./display-clocks.ts";
import { type ExportOptions, originOf, selectEntries } from "./export-options.ts";

const SHIVIZ = String.raw`(?<host>\S*) (?<clock>{.*})\n(?<event>.*)`;
const TSVIZ = String.raw`(?<timestamp>(\d*)) (?<event>.*)\n(?<host>\w*) (?<clock>.*)`;

/** Accepted as it is by ShiViz's own parser, with lost and doubled messages, killed and restarted nodes too. */
export function exportShiviz(journal: Journal, options: ExportOptions = {}): string {
  const events = computeClocks(selectEntries(journal, options));
  return [SHIVIZ, "", ...events.flatMap((event) => [`${nameOf(event)} ${formatClock(event)}`, textOf(event)])].join(
    "\n",
  );
}

/** The same with times: nanoseconds since the journal's first line, which are whole numbers that browsers can hold. */
export function exportTsviz(journal: Journal, options: ExportOptions = {}): string {
  const originMs = originOf(journal);
  const events = computeClocks(selectEntries(journal, options));
  const lines = events.flatMap((event) => [
    `${Math.round(Math.max(0, event.entry.time - originMs) * 1_000) * 1_000} ${textOf(event)}`,
    `${nameOf(event)} ${formatClock(event)}`,
  ]);
  return [TSVIZ, "", ...lines].join("\n");
}

function nameOf({ entry }: ClockedEvent): string {
  return hostOf(entry.node);
}

function hostOf(node: number): string {
  return node === 0 ? "lab" : `node${node}`;
}

function formatClock({ clock }: ClockedEvent): string {
  const hosts = [...clock].sort(([a], [b]) => a - b).map(([node, count]) => [hostOf(node), count]);
  return JSON.stringify(Object.fromEntries(hosts));
}

/** One line, whatever a node wrote. */
function textOf({ entry }: ClockedEvent): string {
  const life = entry.inc > 1 ? ` (life ${entry.inc})` : "";
  return `${entry.kind}: ${entry.msg}${life}`.replaceAll(/\s+/g, " ").trim();
}
