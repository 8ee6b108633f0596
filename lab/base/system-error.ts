/** Refusals of the operating system in an operator's words: they are no bugs of the lab. */
import { userInfo } from "node:os";
import { LabError } from "./lab-error.ts";

const REASONS: Readonly<Record<string, readonly [why: string, hint: string]>> = {
  EACCES: [
    "permission denied",
    "is it another user's, of an earlier `sudo lab …`? Give it back: sudo chown -R USER PATH",
  ],
  EPERM: [
    "permission denied",
    "is it another user's, of an earlier `sudo lab …`? Give it back: sudo chown -R USER PATH",
  ],
  EROFS: ["the file system is read-only", "set XDG_STATE_HOME to a folder that you can write to"],
  ENOSPC: ["the disk is full", "make room there, or set XDG_STATE_HOME to a folder on another disk"],
  EDQUOT: ["your quota of the disk is used up", "make room there, or set XDG_STATE_HOME to a folder on another disk"],
  ENOTDIR: ["a part of that path is no folder", "move the file away that stands in its place"],
  EMFILE: ["this process has too many files open", "raise the limit (`ulimit -n`), and repeat the command"],
  ENFILE: ["this machine has too many files open", "end what you don't need, and repeat the command"],
};

/** What is wrong with a path that a user named; of our own paths the same would be a bug. */
const PATHS: Readonly<Record<string, string>> = {
  ENAMETOOLONG: "its name is too long",
  ELOOP: "its links lead in a circle",
  EISDIR: "it is a folder",
  EEXIST: "something else has that name",
};

/** What the system has against a path that a user named. @param absent what to say when nothing is there */
export function whyNot(error: unknown, absent: string): string {
  const { code = "", message } = error as NodeJS.ErrnoException;
  return code === "ENOENT" ? absent : (REASONS[code]?.[0] ?? PATHS[code] ?? message);
}

/**
 * What a user named can't be written.
 * @param subject begins the sentence: a path, or "the report"
 */
export function cantWrite(subject: string, error: unknown, hint: string): LabError {
  const { code = "" } = error as NodeJS.ErrnoException;
  const why = whyNot(error, "there is no such folder");
  return new LabError("failed", `${subject} can't be written: ${why}`, hint, { cause: error, details: { code } });
}

/** Null: it isn't one of those. */
export function explainSystemError(error: unknown): LabError | null {
  const { code = "", path, syscall } = (error ?? {}) as NodeJS.ErrnoException;
  const reason = REASONS[code];
  if (reason === undefined || syscall === undefined) return null;
  const [why, hint] = reason;
  const where = path ?? syscall;
  return new LabError("failed", `${where}: ${why}`, hint.replace("USER", userName()).replace("PATH", where), {
    cause: error,
    details: { code, path: where },
  });
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return "$USER";
  }
}
