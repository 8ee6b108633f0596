/** Which lines of a journal somebody wants to see. */
import type { NodeId } from "../../node/wire/ids.ts";
import { JournalKind } from "../../node/wire/journal.ts";
import { MESSAGE_TYPES } from "../../node/wire/message.ts";
import { LabError } from "../base/lab-error.ts";
import { didYouMean } from "../base/suggest.ts";
import type { Entry } from "./entry.ts";
import { readLabAction } from "./lab-entry.ts";
import { isBackground } from "./message-kinds.ts";

export interface EntryFilter {
  /** Kinds of lines and types of messages, as `parseTypes` gives them; null: all. */
  readonly types: ReadonlySet<string> | null;
  /** Lines of these nodes, and what the lab did to them; null: all. */
  readonly nodes: ReadonlySet<NodeId> | null;
  /** Wall clock; null: from the beginning. */
  readonly sinceMs: number | null;
  /** Whether heartbeats and probes are shown. */
  readonly heartbeats: boolean;
}

/** `election,TRADE_CONFIRM`. @throws LabError("usage") for a word that is neither kind nor type */
export function parseTypes(text: string): ReadonlySet<string> {
  const known = [...JournalKind.options, ...MESSAGE_TYPES];
  const words = text.split(",").map((word) => word.trim());
  return new Set(
    words.map((word) => {
      const found = known.find((candidate) => candidate.toLowerCase() === word.toLowerCase());
      if (found !== undefined) return found;
      const all = `there are ${JournalKind.options.join(", ")}, and the messages' own types`;
      throw new LabError("usage", `--type: no line is of type "${word}"`, didYouMean(word, known, all));
    }),
  );
}

export function isWanted(entry: Entry, { types, nodes, sinceMs, heartbeats }: EntryFilter): boolean {
  if (sinceMs !== null && entry.time < sinceMs) return false;
  if (!heartbeats && (entry.kind === "send" || entry.kind === "recv") && isBackground(entry.type)) return false;
  if (types !== null && !types.has(entry.kind) && !(entry.type !== undefined && types.has(entry.type))) return false;
  return nodes === null || nodes.has(entry.node) || concerns(entry).some((id) => nodes.has(id));
}

/** Nodes that an action of the lab was about. */
function concerns(entry: Entry): readonly NodeId[] {
  const action = readLabAction(entry);
  if (action === null) return [];
  if ("nodes" in action) return action.nodes;
  if ("pairs" in action) return action.pairs.flatMap(({ from, to }) => [from, to]);
  if (action.action === "scale") return [...action.added, ...action.removed];
  if (action.action === "heal") return action.plugged;
  return action.action === "order" ? [action.by, action.peer] : [];
}
