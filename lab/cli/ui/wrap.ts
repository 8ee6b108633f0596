/** Breaks sentences between words, so that they fit the terminal. A line keeps its indentation, and goes on two columns further in. */

/** @param width columns; undefined: there is no terminal, and a line stays a line */
export function wrap(text: string, width: number | undefined): string {
  if (width === undefined || width < WIDTH_MIN) return text;
  return text
    .split("\n")
    .map((line) => wrapLine(line, width))
    .join("\n");
}

/** In a terminal that is narrower, wrapping makes nothing easier to read. */
const WIDTH_MIN = 24;

function wrapLine(line: string, width: number): string {
  if (line.length <= width) return line;
  const indent = /^ */.exec(line)?.[0] ?? "";
  const lines: string[] = [];
  let current = indent;
  for (const word of line.trimStart().split(" ")) {
    const isFirst = current.trim() === "";
    if (!isFirst && current.length + 1 + word.length > width) {
      lines.push(current);
      current = `${indent}  ${word}`;
    } else current = isFirst ? `${current}${word}` : `${current} ${word}`;
  }
  return [...lines, current].join("\n");
}
