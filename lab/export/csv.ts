/** The journal as a table (RFC 4180), for spreadsheets, pandas and DuckDB: one line an event, in causal order. */
import type { Entry } from "../journal/entry.ts";
import type { Journal } from "../journal/journal.ts";
import { type ExportOptions, originOf, selectEntries } from "./export-options.ts";

const FIELDS = [
  "node",
  "inc",
  "seq",
  "kind",
  "level",
  "type",
  "id",
  "from",
  "to",
  "peer",
  "state",
  "role",
  "term",
  "elected",
] as const;
const MORE = ["coordinator", "balance", "amount", "record_seq", "outcome", "reason", "action", "vc", "msg"] as const;

export function exportCsv(journal: Journal, options: ExportOptions = {}): string {
  const originMs = originOf(journal);
  const rows = selectEntries(journal, options).map((entry) => [
    Number((entry.time - originMs).toFixed(3)),
    entry.time,
    ...[...FIELDS, ...MORE].map((field) => (entry as Entry)[field]),
  ]);
  return [["at_ms", "unix_ms", ...FIELDS, ...MORE], ...rows]
    .map((row) => `${row.map(formatCell).join(",")}\r\n`)
    .join("");
}

/** What is absent is empty; objects are JSON. */
function formatCell(value: unknown): string {
  if (value === undefined || value === null) return "";
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
