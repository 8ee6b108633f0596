/**
 * Log lines of several nodes as one sequence: in order of time when looking back, as they come when following.
 *
 * Every message is asked for with its timestamp, which does three things: it orders lines of different nodes, lets a node that
 * restarts be taken up exactly where it ended, and marks where a message begins, so that lines which the engine cut at 16 KiB are
 * put together again.
 */
import type Docker from "dockerode";
import type { NodeId } from "../../../node/wire/ids.ts";
import { noSuchLab, noSuchNode } from "../../base/lab-error.ts";
import type { LogLine, LogOptions } from "../engine.ts";
import { statusOf } from "./docker-errors.ts";
import { type NodeEvent, watchLab } from "./docker-events.ts";
import { listNodeContainers, type NodeContainer } from "./docker-labs.ts";
import { readFrames } from "./docker-stream.ts";

interface StampedLine extends LogLine {
  /** RFC 3339 with nine digits: text order is time order. */
  readonly at: string;
}

export async function* readLogs(
  docker: Docker,
  lab: string,
  nodes: readonly NodeId[],
  options: LogOptions,
): AsyncGenerator<LogLine> {
  // From before the list on, so that no start falls between the two.
  const ended = new AbortController();
  const events = watchLab(docker, lab, AbortSignal.any([options.signal, ended.signal]));
  const containers = await listNodeContainers(docker, lab);
  if (containers.length === 0) throw noSuchLab(lab);
  const known = containers.map((container) => container.node);
  const missing = nodes.find((id) => !known.includes(id));
  if (missing !== undefined && !options.follow) throw noSuchNode(lab, missing, known);
  const wanted = containers.filter((container) => nodes.includes(container.node));
  if (!options.follow) {
    yield* merge(wanted.map((container) => readContainer(docker, container, options)));
    return;
  }
  try {
    yield* follow({ docker, lab, nodes, options, stop: ended.signal }, wanted, events);
  } finally {
    ended.abort();
  }
}

/** The classic merge: of all sources' next lines the oldest. */
async function* merge(sources: readonly AsyncGenerator<StampedLine>[]): AsyncGenerator<LogLine> {
  const heads = await Promise.all(sources.map(async (source) => ({ source, next: await source.next() })));
  for (;;) {
    const open = heads.filter((head) => !head.next.done);
    const [first] = open.toSorted((a, b) => compare(a.next.value?.at ?? "", b.next.value?.at ?? ""));
    if (first === undefined || first.next.done) return;
    yield strip(first.next.value);
    first.next = await first.source.next();
  }
}

interface Following {
  readonly docker: Docker;
  readonly lab: string;
  readonly nodes: readonly NodeId[];
  readonly options: LogOptions;
  readonly stop: AbortSignal;
}

/** The engine ends a log when its container ends; a start event opens it again behind the last line that was read. */
async function* follow(
  { docker, lab, nodes, options, stop }: Following,
  containers: readonly NodeContainer[],
  events: AsyncIterable<NodeEvent>,
): AsyncGenerator<LogLine> {
  const signal = AbortSignal.any([options.signal, stop]);
  const queue = new Queue<LogLine>();
  const lastAt = new Map<string, string>();
  const open = new Set<string>();
  const startedAgain = new Set<string>();
  const run = (work: Promise<void>): void => {
    work.catch((error) => {
      if (!signal.aborted) queue.fail(error);
    });
  };
  const attach = async (container: NodeContainer, tail: number | null): Promise<void> => {
    open.add(container.id);
    do {
      startedAgain.delete(container.id);
      for await (const line of readContainer(
        docker,
        container,
        { ...options, tail, signal },
        lastAt.get(container.id),
      )) {
        lastAt.set(container.id, line.at);
        queue.push(strip(line));
      }
    } while (startedAgain.has(container.id));
    open.delete(container.id);
  };
  const watch = async (): Promise<void> => {
    for await (const event of events) {
      if (event.what !== "start" || !nodes.includes(event.node)) continue;
      const [container] = await listNodeContainers(docker, lab, event.node);
      if (container === undefined) continue;
      if (open.has(container.id)) startedAgain.add(container.id);
      else run(attach(container, null));
    }
  };
  signal.addEventListener("abort", () => queue.end(), { once: true });
  if (signal.aborted) return;
  run(watch());
  for (const container of containers) run(attach(container, options.tail));
  yield* queue.read();
}

async function* readContainer(
  docker: Docker,
  container: NodeContainer,
  options: LogOptions,
  after?: string,
): AsyncGenerator<StampedLine> {
  let source: AsyncIterable<Buffer>;
  try {
    source = await openLog(docker, container.id, options, after);
  } catch (error) {
    // Removed between the list and this.
    if (statusOf(error) === 404 || statusOf(error) === 409) return;
    throw error;
  }
  const partial = { stdout: "", stderr: "" };
  for await (const { stream, payload } of readFrames(source)) {
    const text = payload.toString();
    const space = text.indexOf(" ");
    const at = text.slice(0, space);
    if (after !== undefined && at <= after) continue;
    const message = partial[stream] + text.slice(space + 1);
    partial[stream] = message.endsWith("\n") ? "" : message;
    if (!message.endsWith("\n")) continue;
    for (const line of message.slice(0, -1).split("\n")) {
      yield { at, node: container.node, stream, text: line.endsWith("\r") ? line.slice(0, -1) : line };
    }
  }
  for (const stream of ["stdout", "stderr"] as const) {
    if (partial[stream] !== "") yield { at: "", node: container.node, stream, text: partial[stream] };
  }
}

/** By the client's own request: dockerode's `logs` keeps all of it in memory unless it follows. */
function openLog(docker: Docker, id: string, options: LogOptions, after?: string): Promise<AsyncIterable<Buffer>> {
  const sinceMs = after === undefined ? options.sinceMs : Date.parse(after);
  const query = {
    follow: options.follow,
    stdout: true,
    stderr: true,
    timestamps: true,
    tail: options.tail === null || after !== undefined ? "all" : String(options.tail),
    ...(sinceMs !== null && { since: (sinceMs / 1000).toFixed(3) }),
  };
  return new Promise((resolve, reject) => {
    docker.modem.dial(
      {
        path: `/containers/${id}/logs?`,
        method: "GET",
        isStream: true,
        abortSignal: options.signal,
        statusCodes: { 200: true, 404: "no such container", 409: "being removed", 500: "server error" },
        options: query,
      },
      (error: Error | null, stream: unknown) => (error ? reject(error) : resolve(stream as AsyncIterable<Buffer>)),
    );
  });
}

function strip({ node, stream, text, at }: StampedLine): LogLine {
  return { node, stream, text, ...(at !== "" && { atMs: Date.parse(at) }) };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A queue that several readers fill and one consumer empties. */
class Queue<T> {
  readonly #items: T[] = [];
  #wake: (() => void) | null = null;
  #ended = false;
  #failure: unknown = null;

  push(item: T): void {
    this.#items.push(item);
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  fail(error: unknown): void {
    this.#failure ??= error;
    this.end();
  }

  async *read(): AsyncGenerator<T> {
    for (;;) {
      for (const item of this.#items.splice(0)) yield item;
      if (this.#items.length > 0) continue;
      if (this.#failure !== null) throw this.#failure;
      if (this.#ended) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
