/**
 * Files that people name: read whole, unless they are no files, endless, or no text. What a link points to counts.
 */
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { LabError } from "./lab-error.ts";

/** Scenarios and lab files are written by hand. */
export const BY_HAND_BYTES_MAX = 4 * 1024 * 1024;
/** A string can't be longer. */
export const JOURNAL_BYTES_MAX = 500 * 1024 * 1024;

/** @param hint what the caller's user can name instead. @throws LabError("usage") that names the file */
export async function readUserFile(path: string, bytesMax: number, hint: string): Promise<string> {
  const refuse = (why: string, cause?: unknown) =>
    new LabError("usage", `${path} can't be read: ${why}`, hint, cause === undefined ? {} : { cause });
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
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    if (error instanceof LabError) throw error;
    const isText = (error as NodeJS.ErrnoException).code !== "ERR_ENCODING_INVALID_ENCODED_DATA";
    throw refuse(isText ? (error as Error).message : "it is no text in UTF-8", error);
  }
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
