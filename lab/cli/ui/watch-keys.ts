/**
 * The keys of `lab watch`. Pure: a state and a key in, the next state and a command of `lab` out.
 *
 * A node is chosen with the arrows, and the letters act on it. Two keys ask for a line: a trade, and the filter of events.
 */
export interface WatchInput {
  /** Null: none is chosen. */
  readonly chosen: number | null;
  readonly mode: "look" | "trade" | "filter" | "help";
  /** The line that is being typed. */
  readonly typed: string;
  /** Only events that contain this are shown; empty: all. */
  readonly filter: string;
  /** Result of the last command. */
  readonly said: string;
}

export const LOOKING: WatchInput = { chosen: null, mode: "look", typed: "", filter: "", said: "" };

export interface Pressed {
  readonly input: WatchInput;
  /** Words after `lab`; null: nothing is to be run. */
  readonly command: readonly string[] | null;
  readonly isOver: boolean;
}

export const WATCH_HELP: readonly string[] = [
  "up, down   choose a node            esc   choose none",
  "k          kill it, or start it     p     pause it, or resume it",
  "c          cut it off from all      h     heal: end all faults",
  "t          trade: its credits to another node, for example 2 30",
  "f          show events with a word only; an empty word shows all",
  "?          this help                q     quit",
];

const [ESCAPE, UP, DOWN, ENTER, CTRL_C] = ["\u001b", "\u001b[A", "\u001b[B", "\r", "\u0003"] as const;
const BACKSPACES: readonly string[] = ["\u007f", "\b"];

export interface WatchedNode {
  readonly id: number;
  readonly status: string;
}

export function pressKey(input: WatchInput, key: string, nodes: readonly WatchedNode[]): Pressed {
  const stay = (change: Partial<WatchInput>): Pressed => ({
    input: { ...input, ...change },
    command: null,
    isOver: false,
  });
  if (key === CTRL_C) return { input, command: null, isOver: true };
  if (input.mode === "trade" || input.mode === "filter") return typeLine(input, key, stay);
  if (input.mode === "help") return stay({ mode: "look" });
  switch (key) {
    case "q":
    case "Q":
      return { input, command: null, isOver: true };
    case UP:
    case DOWN:
      return stay({ chosen: nextOf(input.chosen, key === UP ? -1 : 1, nodes) });
    case ESCAPE:
      return stay({ chosen: null, said: "" });
    case "?":
      return stay({ mode: "help" });
    case "f":
      return stay({ mode: "filter", typed: input.filter });
    case "h":
      return { ...stay({ said: "" }), command: ["heal"] };
    default:
      return actOnChosen(input, key, nodes, stay);
  }
}

type Stay = (change: Partial<WatchInput>) => Pressed;

function actOnChosen(input: WatchInput, key: string, nodes: readonly WatchedNode[], stay: Stay): Pressed {
  if (!["k", "p", "c", "t"].includes(key)) return stay({});
  const node = nodes.find(({ id }) => id === input.chosen);
  if (node === undefined) return stay({ said: "choose a node first, with the arrow keys" });
  if (key === "t") return stay({ mode: "trade", typed: "", said: "" });
  const verbs = {
    k: node.status === "exited" || node.status === "created" ? ["start"] : ["kill", "--no-wait"],
    p: node.status === "paused" ? ["resume"] : ["pause"],
    c: ["isolate"],
  };
  const [verb = "", ...flags] = verbs[key as keyof typeof verbs];
  return { ...stay({ said: "" }), command: [verb, `${node.id}`, ...flags] };
}

function typeLine(input: WatchInput, key: string, stay: Stay): Pressed {
  if (key === ESCAPE) return stay({ mode: "look", typed: "" });
  if (BACKSPACES.includes(key)) return stay({ typed: input.typed.slice(0, -1) });
  if (key !== ENTER) return /^[ -~]$/.test(key) ? stay({ typed: input.typed + key }) : stay({});
  if (input.mode === "filter") return stay({ mode: "look", filter: input.typed.trim(), typed: "" });
  const words = input.typed.trim().split(/\s+/);
  if (words.length !== 2) return stay({ mode: "look", typed: "", said: "a trade is a node and an amount: 2 30" });
  return { ...stay({ mode: "look", typed: "" }), command: ["sell", `${input.chosen}`, ...words] };
}

function nextOf(chosen: number | null, by: 1 | -1, nodes: readonly WatchedNode[]): number | null {
  const ids = nodes.map(({ id }) => id);
  const at = chosen === null ? -1 : ids.indexOf(chosen);
  if (at < 0) return (by === 1 ? ids[0] : ids.at(-1)) ?? null;
  return ids[Math.min(ids.length - 1, Math.max(0, at + by))] ?? null;
}
