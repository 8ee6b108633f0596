/** One line of a journal for a person: when, who, what sort of event, and its sentence. */
import type { Entry } from "../../journal/entry.ts";
import { formatTime } from "../../journal/notable.ts";
import { colour } from "./table.ts";

const COLOURS: Readonly<Partial<Record<Entry["kind"], Parameters<typeof colour>[1]>>> = {
  fault: "red",
  drop: "red",
  election: "bold",
  trade: "green",
  hold: "yellow",
  duplicate: "yellow",
  send: "dim",
  recv: "dim",
};

/** `12:06:14.123Z  node 3   election  I am now the COORDINATOR`; a second or later life is `node 3.2`. */
export function renderEvent(entry: Entry, color: boolean): string {
  const who = entry.node === 0 ? "lab" : `node ${entry.node}${entry.inc > 1 ? `.${entry.inc}` : ""}`;
  const text = `${formatTime(entry.time)}  ${who.padEnd(8)}  ${entry.kind.padEnd(9)}  ${entry.msg}`;
  const hue = COLOURS[entry.kind];
  return color && hue !== undefined ? colour(text, hue) : text;
}
