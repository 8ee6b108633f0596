/**
 * Reads nodes' output from their log files: the last lines first, then what is appended.
 *
 * Following polls the files' sizes: it works on every file system, survives truncation and rotation (a smaller file is read from
 * its beginning), and ten looks a second cost nothing.
 */
import { type FileHandle, open, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { NodeId } from "../../../node/wire/ids.ts";
import type { LogLine, LogOptions } from "../engine.ts";
import { nodeDir } from "./local-store.ts";

const POLL_MS = 100;
const CHUNK_BYTES = 256 * 1024;
/** A log larger than this is put aside when its node starts again: at most twice this much is kept. */
export const LOG_BYTES_MAX = 32 * 2 ** 20;
const STREAMS = ["stdout", "stderr"] as const;

export async function* readLogs(lab: string, nodes: readonly NodeId[], options: LogOptions): AsyncGenerator<LogLine> {
  const tails = nodes.flatMap((node) => STREAMS.map((stream) => new Tail(lab, node, stream)));
  const first = (await Promise.all(tails.map((tail) => tail.read()))).flat();
  yield* lastLines(filterSince(mergeByTime(first), options.sinceMs), nodes, options.tail);
  while (options.follow && !options.signal.aborted) {
    const lines = (await Promise.all(tails.map((tail) => tail.read()))).flat();
    yield* mergeByTime(lines);
    if (lines.length === 0) await sleep(POLL_MS, undefined, { signal: options.signal }).catch(() => {});
  }
}

/** The last lines that a node wrote, for an error message. */
export async function lastWords(lab: string, node: NodeId, count: number): Promise<readonly string[]> {
  const lines = (await Promise.all(STREAMS.map((stream) => new Tail(lab, node, stream).read()))).flat();
  return mergeByTime(lines)
    .slice(-count)
    .map((line) => line.text);
}

/** Puts a log that has grown too large aside, before its node starts. */
export async function rotateLogs(dir: string): Promise<void> {
  for (const stream of STREAMS) {
    const path = join(dir, `${stream}.log`);
    const size = await stat(path).then(
      (entry) => entry.size,
      () => 0,
    );
    if (size > LOG_BYTES_MAX) await rename(path, `${path}.1`);
  }
}

class Tail {
  readonly #path: string;
  readonly #node: NodeId;
  readonly #stream: "stdout" | "stderr";
  #offset = 0;
  #rest = Buffer.alloc(0);

  constructor(lab: string, node: NodeId, stream: "stdout" | "stderr") {
    this.#path = join(nodeDir(lab, node), `${stream}.log`);
    this.#node = node;
    this.#stream = stream;
  }

  /** Whole lines that were appended since the last call. */
  async read(): Promise<LogLine[]> {
    let file: FileHandle;
    try {
      file = await open(this.#path, "r");
    } catch {
      return [];
    }
    try {
      const { size } = await file.stat();
      if (size < this.#offset) {
        this.#offset = 0;
        this.#rest = Buffer.alloc(0);
      }
      const parts = [this.#rest];
      while (this.#offset < size) {
        const { bytesRead, buffer } = await file.read(Buffer.alloc(CHUNK_BYTES), 0, CHUNK_BYTES, this.#offset);
        if (bytesRead === 0) break;
        parts.push(buffer.subarray(0, bytesRead));
        this.#offset += bytesRead;
      }
      const all = Buffer.concat(parts);
      const end = all.lastIndexOf(0x0a);
      this.#rest = Buffer.from(all.subarray(end + 1));
      if (end < 0) return [];
      const texts = all.subarray(0, end).toString("utf8").split("\n");
      return texts.map((text) => ({ node: this.#node, stream: this.#stream, ...readStamp(text) }));
    } finally {
      await file.close();
    }
  }
}

/** Journal lines of several nodes in the order of their clocks; a line without a time stays behind its predecessor. */
function mergeByTime(lines: readonly LogLine[]): LogLine[] {
  let last = 0;
  let file = "";
  const timed = lines.map((line) => {
    const key = `${line.node}/${line.stream}`;
    if (key !== file) last = 0;
    file = key;
    last = timeOf(line) ?? last;
    return { line, atMs: last };
  });
  return timed.sort((a, b) => a.atMs - b.atMs).map((item) => item.line);
}

function filterSince(lines: LogLine[], sinceMs: number | null): LogLine[] {
  if (sinceMs === null) return lines;
  const from = lines.findIndex((line) => (timeOf(line) ?? 0) >= sinceMs);
  return from < 0 ? [] : lines.slice(from);
}

function lastLines(lines: readonly LogLine[], nodes: readonly NodeId[], tail: number | null): readonly LogLine[] {
  if (tail === null) return lines;
  const left = new Map(nodes.map((node) => [node, tail]));
  return lines
    .toReversed()
    .filter((line) => {
      const count = left.get(line.node) ?? 0;
      left.set(line.node, count - 1);
      return count > 0;
    })
    .reverse();
}

/** The instant that the keeper of somebody else's program puts before each line. */
function readStamp(text: string): Pick<LogLine, "text" | "atMs"> {
  const [stamp, at] = /^(\d{13}) /.exec(text) ?? [];
  return stamp === undefined ? { text } : { text: text.slice(stamp.length), atMs: Number(at) };
}

function timeOf({ text, atMs }: LogLine): number | null {
  if (atMs !== undefined) return atMs;

  const match = /"time":(\d{12,14})/.exec(text);
  return match === null ? null : Number(match[1]);
}
