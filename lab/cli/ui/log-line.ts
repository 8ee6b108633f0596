/**
 * One line of a node's output for a person: a journal line becomes its sentence, anything else stays as it is.
 */
import type { LogLine } from "../../engine/engine.ts";
import { isBackground } from "../../journal/message-kinds.ts";
import { formatTime } from "../../journal/notable.ts";
import type { Printer } from "./printer.ts";
import { colour } from "./table.ts";

const NODE_COLOURS = ["cyan", "green", "yellow"] as const;

/** @param width of the node's number in front; 0: none */
export function renderLogLine(line: LogLine, width: number, printer: Printer): string {
  const label = width === 0 ? "" : `node ${String(line.node).padStart(width)} | `;
  const prefix =
    printer.color && label !== "" ? colour(label, NODE_COLOURS[line.node % NODE_COLOURS.length] ?? "cyan") : label;
  const journal = parseJournal(line.text);
  if (journal === null) return prefix + line.text;
  return `${prefix}${formatTime(journal.time)} ${journal.msg}`;
}

/** A heartbeat or a probe, which a node with wire journal writes many times a second. */
export function isProbe({ text }: LogLine): boolean {
  if (!/^\{.*"kind":"(send|recv)"/.test(text)) return false;
  return isBackground(/"type":"(\w+)"/.exec(text)?.[1]);
}

function parseJournal(text: string): { time: number; msg: string } | null {
  if (!text.startsWith("{")) return null;
  try {
    const { time, msg } = JSON.parse(text) as { time?: unknown; msg?: unknown };
    return typeof time === "number" && typeof msg === "string" ? { time, msg } : null;
  } catch {
    return null;
  }
}
