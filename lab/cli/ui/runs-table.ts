/** Colours of verdicts, and what a command that played several scenarios says of all of them. */
import { formatDuration } from "../../base/duration.ts";
import type { ScenarioResult } from "../../scenario/result.ts";
import type { Printer } from "./printer.ts";
import { colour, type Paint, renderTable } from "./table.ts";

const COLOURS: Readonly<Record<string, "green" | "red" | "yellow" | "dim">> = {
  valid: "green",
  invalid: "red",
  failed: "red",
  inconclusive: "yellow",
  interrupted: "yellow",
  "nothing to judge": "dim",
};

export function paintVerdict(text: string, isColoured: boolean): string {
  const chosen = COLOURS[text];
  return isColoured && chosen !== undefined ? colour(text, chosen) : text;
}

/** Paints the column of a table in which verdicts stand. */
export function verdictPaint(isColoured: boolean, at: number): Paint {
  return (text, _row, column) => (column === at ? paintVerdict(text, isColoured) : text);
}

export interface PlayedRun {
  readonly file: string;
  readonly result: ScenarioResult;
  /** Real time, in milliseconds. */
  readonly realMs: number;
}

/** The last lines stay on the screen, so what failed stands there. */
const ORDER: readonly ScenarioResult["verdict"][] = ["valid", "inconclusive", "interrupted", "failed", "invalid"];

/** A line a run, those that failed last, and how many there are of each kind. */
export function renderRuns(runs: readonly PlayedRun[], { color }: Pick<Printer, "color">): string {
  const sorted = [...runs].sort((a, b) => ORDER.indexOf(a.result.verdict) - ORDER.indexOf(b.result.verdict));
  const rows = sorted.map(({ file, result, realMs }) => [
    file,
    result.verdict,
    formatDuration(realMs),
    result.verdict === "valid" ? "" : result.reason,
  ]);
  const columns = [
    { title: "SCENARIO" },
    { title: "VERDICT" },
    { title: "TIME", align: "right" },
    { title: "WHY" },
  ] as const;
  const counts = ORDER.map((verdict) => ({
    verdict,
    count: runs.filter(({ result }) => result.verdict === verdict).length,
  })).filter(({ count }) => count > 0);
  const sum = counts.map(({ verdict, count }) => `${count} ${paintVerdict(verdict, color)}`).join(", ");
  return ["", renderTable(columns, rows, verdictPaint(color, 1)), "", `${runs.length} scenarios: ${sum}`].join("\n");
}
