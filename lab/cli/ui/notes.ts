/**
 * The text below a command's options in its help: paragraphs, and examples in two columns. Commander wraps both to the terminal that
 * is there, as it wraps the options.
 */
import { type Command, Help } from "commander";

/** A paragraph, or rows of two columns. */
export type Note = string | readonly Row[];

/** The words after `lab` and what they do; or a term and what it means, where there is no prefix. */
export type Row = readonly [words: string, meaning: string];

/** A second column that is narrower stays unwrapped. */
export const MIN_WIDTH = 24;

/** Where no terminal says how wide it is. */
const WIDTH = 80;

/** @param prefix what the user types in front of a verb: `lab`, `npx lab` */
export function addNotes(command: Command, prefix: string, notes: readonly Note[]): Command {
  return command.addHelpText("after", ({ command: shown, error }) => {
    const { getOutHelpWidth, getErrHelpWidth } = shown.configureOutput();
    return `\n${renderNotes(notes, { prefix, width: (error ? getErrHelpWidth?.() : getOutHelpWidth?.()) ?? WIDTH })}`;
  });
}

/** @param width columns of the terminal */
export function renderNotes(
  notes: readonly Note[],
  { prefix = "", width = WIDTH }: { readonly prefix?: string; readonly width?: number | undefined } = {},
): string {
  const helper = Object.assign(new Help(), { minWidthToWrap: MIN_WIDTH });
  helper.prepareContext({ helpWidth: width });
  return notes.map((note) => renderNote(note, { helper, prefix, width })).join("\n\n");
}

function renderNote(
  note: Note,
  { helper, prefix, width }: { readonly helper: Help; readonly prefix: string; readonly width: number },
): string {
  if (typeof note === "string") return helper.boxWrap(note, width);
  const lines = note.map(([words, meaning]) => [`${prefix} ${words}`.trimStart(), meaning] as const);
  const termWidth = Math.max(...lines.map(([command]) => command.length));
  return lines.map(([command, meaning]) => helper.formatItem(command, termWidth, meaning, helper)).join("\n");
}
