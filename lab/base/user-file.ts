/**
 * Files that people name: read whole, unless they are no files, endless, or no text. A link is followed.
 */
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import type { Hints } from "./hint.ts";
import { LabError } from "./lab-error.ts";
import { whyNot } from "./system-error.ts";

/** Scenarios and lab files are written by hand. */
export const BY_HAND_BYTES_MAX = 4 * 1024 * 1024;
/** One that a program gets (`files:`). */
export const GIVEN_BYTES_MAX = 64 * 1024 * 1024;
/** A saved disk. */
export const DISK_BYTES_MAX = 1024 ** 3;
/** A string can't be longer. */
export const JOURNAL_BYTES_MAX = 500 * 1024 * 1024;

/** @param hint what the caller's user can name instead. @throws LabError("usage") that names the file */
export async function readUserFile(path: string, bytesMax: number, hint: Hints): Promise<string> {
  const bytes = await readUserBytes(path, bytesMax, hint);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw refusal(path, "it is no text in UTF-8", hint, error);
  }
}

/** The same for files that are no text. */
export async function readUserBytes(path: string, bytesMax: number, hint: Hints): Promise<Uint8Array> {
  const refuse = (why: string) => refusal(path, why, hint);
  try {
    // Without blocking: a pipe that nobody writes to would be waited for.
    await using file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const found = await file.stat();
    if (found.isDirectory()) throw refuse("it is a folder");
    // `lab run <(generate)`: the shell's own pipe has a writer.
    const isShellPipe = found.isFIFO() && path.startsWith("/dev/fd/");
    if (!found.isFile() && !isShellPipe) throw refuse("it is no regular file");
    if (found.size > bytesMax) throw refuse(`it has more than ${bytesMax / 1024 / 1024} MB`);
    const bytes = await (isShellPipe ? readPipe(path, bytesMax) : file.readFile());
    if (bytes.length > bytesMax) throw refuse(`it has more than ${bytesMax / 1024 / 1024} MB`);
    return bytes;
  } catch (error) {
    throw error instanceof LabError ? error : refusal(path, whyNot(error, "there is no such file"), hint, error);
  }
}

function refusal(path: string, why: string, hint: Hints, cause?: unknown): LabError {
  return new LabError("usage", `${path} can't be read: ${why}`, hint, cause === undefined ? {} : { cause });
}

async function readPipe(path: string, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  await using pipe = await open(path, constants.O_RDONLY);
  for await (const chunk of pipe.createReadStream({ autoClose: false })) {
    chunks.push(chunk as Buffer);
    length += (chunk as Buffer).length;
    if (length > bytesMax) break;
  }
  return Buffer.concat(chunks);
}
