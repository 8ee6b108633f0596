/**
 * Lines of a screen as pieces of text that may have a colour: measured and cut by what is seen, painted afterwards.
 */
import { colour } from "./table.ts";

export type Colour = Parameters<typeof colour>[1];

export interface Span {
  readonly text: string;
  readonly colour?: Colour | undefined;
}

export type Line = readonly Span[];

export function span(text: string, paint?: Colour): Span {
  return paint === undefined ? { text } : { text, colour: paint };
}

export function widthOf(line: Line): number {
  return line.reduce((sum, { text }) => sum + text.length, 0);
}

/** At most `width` columns; what is cut off leaves a `>` behind. Trailing spaces go. */
export function fitLine(line: Line, width: number): Line {
  if (widthOf(line) <= width) return line;
  const kept: Span[] = [];
  let left = width - 1;
  for (const { text, colour: paint } of line) {
    if (left <= 0) break;
    kept.push(span(text.slice(0, left), paint));
    left -= text.length;
  }
  return [...kept, span(">", "dim")];
}

export function paintLine(line: Line, color: boolean): string {
  const text = line.map((piece) =>
    color && piece.colour !== undefined ? colour(piece.text, piece.colour) : piece.text,
  );
  return text.join("").trimEnd();
}
