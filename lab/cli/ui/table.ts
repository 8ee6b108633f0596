/**
 * Rows of text in columns, as wide as their content; numbers to the right. Colour is added after measuring.
 */
export interface Column {
  readonly title: string;
  readonly align?: "left" | "right";
}

export type Paint = (text: string, row: number, column: number) => string;

/** Lines without trailing spaces; the first has the titles. */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  paint: Paint = (text) => text,
): string {
  const widths = columns.map((column, i) => Math.max(column.title.length, ...rows.map((row) => (row[i] ?? "").length)));
  const line = (cells: readonly string[], row: number): string =>
    columns
      .map((column, i) => {
        const cell = cells[i] ?? "";
        const padding = " ".repeat((widths[i] ?? 0) - cell.length);
        const text = row < 0 ? cell : paint(cell, row, i);
        return column.align === "right" ? padding + text : text + padding;
      })
      .join("  ")
      .trimEnd();
  return [
    line(
      columns.map((column) => column.title),
      -1,
    ),
    ...rows.map(line),
  ].join("\n");
}

const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;

export function colour(text: string, name: keyof typeof CODES): string {
  return `\u001b[${CODES[name]}m${text}\u001b[0m`;
}
