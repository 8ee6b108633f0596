/**
 * What SQLite's result codes mean for the operator of a node: damage, or trouble of the machine, and what to do about it.
 * Codes: https://www.sqlite.org/rescode.html
 */
import { messageOf, OperatorError } from "./errors.ts";

const BUSY = 5;
const READ_ONLY = 8;
const INPUT_OUTPUT = 10;
const FULL = 13;
const CANT_OPEN = 14;
/** Permission, busy, locked, memory, read-only, interrupted, input or output, full, can't open, authorisation. */
const TROUBLE: ReadonlySet<number> = new Set([3, BUSY, 6, 7, READ_ONLY, 9, INPUT_OUTPUT, FULL, CANT_OPEN, 23]);

const DAMAGED_HINT = "nothing was changed; move the folder away (keep it) or put a copy back, then start again";

/** The content is wrong for every reader. */
export function damaged(path: string, detail: string): OperatorError {
  return new OperatorError(`the ledger ${path} is damaged: ${detail}`, DAMAGED_HINT);
}

/** An error met while a ledger was only read. */
export function explainReading(path: string, error: unknown): OperatorError {
  if (error instanceof OperatorError) return error;
  const code = primaryCode(error);
  // Without a code: a number that no number of ours can be.
  return code === null || !TROUBLE.has(code) ? damaged(path, messageOf(error)) : explainTrouble(path, error);
}

/** An error met while a sound ledger was opened or written to. */
export function explainTrouble(path: string, error: unknown): OperatorError {
  if (error instanceof OperatorError) return error;
  const message = `can't use the ledger ${path}: ${messageOf(error)}`;
  switch (primaryCode(error)) {
    case FULL:
      return new OperatorError(message, "make room on the disk, then start again; nothing was lost");
    case READ_ONLY:
    case CANT_OPEN:
      return new OperatorError(message, "let this user write to the folder and to the files in it, then start again");
    case BUSY:
      return new OperatorError(message, "end the program that has it open, then start again");
    default:
      return new OperatorError(message, "check the disk and the rights of the folder, then start again");
  }
}

export function isBusy(error: unknown): boolean {
  return primaryCode(error) === BUSY;
}

/** The low byte of SQLite's extended code; null: not SQLite's. */
function primaryCode(error: unknown): number | null {
  const code = (error as { errcode?: unknown } | null)?.errcode;
  return typeof code === "number" ? code & 0xff : null;
}
