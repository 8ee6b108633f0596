/** The table of nodes that `up` and `ps` print. */
import { type NodeRow, stateOf } from "../../cluster/node-rows.ts";
import { colour, renderTable } from "./table.ts";

const COLUMNS = [
  { title: "NODE", align: "right" },
  { title: "ROLE" },
  { title: "STATE" },
  { title: "TERM", align: "right" },
  { title: "BALANCE", align: "right" },
  { title: "ADDRESS" },
] as const;
/** Where there are several. */
const HOST = { title: "HOST" } as const;

export function renderNodes(rows: readonly NodeRow[], color: boolean): string {
  if (rows.some(({ facts }) => facts !== undefined)) return renderPrograms(rows, color);
  const hasHosts = rows.some((row) => row.host !== null);
  const columns = hasHosts ? [...COLUMNS, HOST] : COLUMNS;
  const cells = rows.map((row) => [
    String(row.id),
    roleOf(row),
    stateOf(row),
    row.term === null ? "-" : String(row.term),
    row.balance === null ? "-" : String(row.balance),
    row.address ?? "-",
    ...(hasHosts ? [row.host ?? "-"] : []),
  ]);
  if (!color) return renderTable(columns, cells);
  return renderTable(columns, cells, (text, row, column) => {
    if (column === 1 && rows[row]?.role === "COORDINATOR") return colour(text, "bold");
    if (column === 2) return colour(text, colourOf(rows[row]));
    return text;
  });
}

/** Nodes that run a program of somebody else: what their output told last are the columns. */
function renderPrograms(rows: readonly NodeRow[], color: boolean): string {
  const facts = [...new Set(rows.flatMap((row) => Object.keys(row.facts ?? {})))].sort();
  const columns = [COLUMNS[0], COLUMNS[2], ...facts.map((fact) => ({ title: fact.toUpperCase() })), COLUMNS[5]];
  const cells = rows.map((row) => [
    String(row.id),
    stateOf(row),
    ...facts.map((fact) => row.facts?.[fact] ?? "-"),
    row.address ?? "-",
  ]);
  if (!color) return renderTable(columns, cells);
  const paint = (text: string, row: number, column: number) =>
    column === 1 ? colour(text, rows[row]?.status === "exited" ? "red" : "green") : text;
  return renderTable(columns, cells, paint);
}

function roleOf(row: NodeRow): string {
  if (row.role === null) return "-";
  return row.role === "COORDINATOR" && row.elected === false ? "COORDINATOR (provisional)" : row.role;
}

function colourOf(row: NodeRow | undefined): "green" | "red" | "yellow" {
  if (row?.status === "exited" || row?.status === "unreachable") return "red";
  return row?.phase === "READY" && !row.unplugged ? "green" : "yellow";
}
