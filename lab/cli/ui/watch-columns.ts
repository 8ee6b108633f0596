/**
 * The columns of `lab watch` beside its matrix: which of them fit, and what stands in them.
 */
import type { NodeView } from "../../dash/protocol.ts";
import { type Colour, type Line, span } from "./text-spans.ts";

export interface Column {
  readonly title: string;
  readonly width: number;
  readonly align: "left" | "right";
  cell(node: NodeView): string;
  paint?(node: NodeView): Colour | undefined;
}

type Draft = Omit<Column, "width">;

const ROLES = { FOLLOWER: "follower", CANDIDATE: "candidate", COORDINATOR: "COORDINATOR" } as const;

const NODE: Draft = { title: "NODE", align: "right", cell: ({ id }) => String(id) };
const ROLE: Draft = {
  title: "ROLE",
  align: "left",
  cell: ({ says }) =>
    says === null ? "-" : says.role === "COORDINATOR" && !says.elected ? "provisional" : ROLES[says.role],
  paint: ({ says }) => (says?.role === "COORDINATOR" ? "bold" : undefined),
};
/** The same in one letter, where fifty nodes leave no room. */
const ROLE_LETTER: Draft = {
  title: "R",
  align: "left",
  cell: (node) => ROLE.cell(node).slice(0, 1).replace("p", "P"),
  paint: ({ says }) => (says?.role === "COORDINATOR" ? "bold" : undefined),
};
const STATE: Draft = {
  title: "STATE",
  align: "left",
  cell: ({ says, status, unplugged }) => {
    if (says === null) return status === "running" ? "silent" : status;
    return unplugged ? "unplugged" : says.phase;
  },
  paint: ({ says, status, unplugged }) => {
    if (status === "exited" || status === "unreachable") return "red";
    return says?.phase === "READY" && !unplugged ? "green" : "yellow";
  },
};
/** On a swarm only. */
const HOST: Draft = { title: "HOST", align: "left", cell: ({ host }) => host ?? "-" };
const TERM: Draft = { title: "TERM", align: "right", cell: ({ says }) => say(says?.term) };
const BALANCE: Draft = { title: "BALANCE", align: "right", cell: ({ says }) => say(says?.balance) };
const SUM: Draft = { title: "SUM", align: "right", cell: ({ says }) => say(says?.sum) };
const HELD: Draft = {
  title: "HELD",
  align: "right",
  cell: ({ says }) => say(says?.holdback),
  paint: ({ says }) => ((says?.holdback ?? 0) > 0 ? "yellow" : undefined),
};
const PENDING: Draft = {
  title: "PEND",
  align: "right",
  cell: ({ says }) => say(says?.pending),
  paint: ({ says }) => ((says?.pending ?? 0) > 0 ? "cyan" : undefined),
};
const CLOCK: Draft = {
  title: "CLOCK",
  align: "left",
  cell: ({ says }) =>
    says === null
      ? "-"
      : Object.entries(says.clock)
          .filter(([, count]) => count > 0)
          .map(([id, count]) => `${id}:${count}`)
          .join(" ") || "0",
};
/** How many records a node has, of all accounts: where the whole clock doesn't fit. */
const CLOCK_TOTAL: Draft = {
  title: "RECORDS",
  align: "right",
  cell: ({ says }) => (says === null ? "-" : String(Object.values(says.clock).reduce((sum, count) => sum + count, 0))),
};

/** From the fullest to the barest. */
const SETS: readonly (readonly Draft[])[] = [
  [NODE, ROLE, STATE, TERM, BALANCE, SUM, HELD, PENDING, CLOCK],
  [NODE, ROLE, STATE, TERM, BALANCE, SUM, HELD, PENDING, CLOCK_TOTAL],
  [NODE, ROLE, STATE, TERM, BALANCE, HELD, PENDING, CLOCK_TOTAL],
  [NODE, ROLE, STATE, TERM, BALANCE, HELD, PENDING],
  [NODE, ROLE, STATE, TERM, BALANCE],
  [NODE, ROLE_LETTER, STATE, TERM, BALANCE],
  [NODE, ROLE_LETTER, STATE, TERM],
  [NODE, ROLE_LETTER, STATE],
];

/** The fullest set that fits into `width`; the barest when none does. */
export function chooseColumns(nodes: readonly NodeView[], width: number): readonly Column[] {
  const hasHosts = nodes.some(({ host }) => host !== undefined);
  const withHosts = hasHosts ? SETS.map(([node = NODE, ...rest]) => [node, HOST, ...rest]) : SETS;
  const sets = withHosts.map((set) => set.map((draft) => measure(draft, nodes)));
  const fits = (set: readonly Column[]): boolean => set.reduce((sum, column) => sum + column.width + 1, -1) <= width;
  return sets.find(fits) ?? (sets.at(-1) as readonly Column[]);
}

/** One row; null: the titles. */
export function renderCells(columns: readonly Column[], node: NodeView | null): Line {
  return columns.flatMap((column, i) => {
    const text = node === null ? column.title : column.cell(node);
    const padded = column.align === "right" ? text.padStart(column.width) : text.padEnd(column.width);
    return [...(i === 0 ? [] : [span(" ")]), span(padded, node === null ? "dim" : column.paint?.(node))];
  });
}

function measure(draft: Draft, nodes: readonly NodeView[]): Column {
  return { ...draft, width: Math.max(draft.title.length, ...nodes.map((node) => draft.cell(node).length)) };
}

function say(value: number | undefined): string {
  return value === undefined ? "-" : String(value);
}
