/**
 * The HTTP server of `lab dash`: on loopback only, each request judged by the gate, bodies bounded, readers' streams ended with it.
 *
 * The caller hands in the content (DashSource), so a live lab, a stored run and a test are the same to it.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { LabError } from "../base/lab-error.ts";
import { parseCatalogueRequest, parseCommand, parseStreamRequest } from "./command-schema.ts";
import type { Feed } from "./feed.ts";
import { admit, BODY_BYTES_MAX, type Route, SAFE_HEADERS } from "./gate.ts";
import { limitConnections } from "./limit-connections.ts";
import { CONTENT_TYPE as METRICS_TYPE } from "./metrics-text.ts";
import { MISSING_PAGE, type PageFile } from "./page-file.ts";
import {
  type Catalogue,
  type CommandReply,
  type DashCommand,
  type DashError,
  LESSON_RUN,
  type StreamRequest,
} from "./protocol.ts";
import { type Sink, writeStream } from "./stream.ts";

export interface DashSource {
  /** The source of a stream without a run's name. */
  readonly feed: Feed;
  readonly mayCommand: boolean;
  /** A stored run of the catalogue. @throws LabError */
  openRun(name: string): Promise<Feed>;
  command(command: DashCommand): Promise<CommandReply>;
  catalogue(): Promise<Catalogue>;
  /** The text of /metrics. */
  metrics(): Promise<string>;
}

export interface DashOptions {
  /** 0: any that is free. */
  readonly port: number;
  readonly token: string;
  /** Names this process in streams. */
  readonly server: string;
  readonly source: DashSource;
  /** Null: it wasn't built. */
  readonly page: () => Promise<PageFile | null>;
  /** A request that failed by our own fault. */
  readonly onError: (error: unknown) => void;
}

export interface DashHandle extends AsyncDisposable {
  readonly port: number;
  /** With the token in its fragment. */
  readonly url: string;
}

const ADDRESS = "127.0.0.1";
const CONNECTIONS_MAX = 64;
const LAST_WORDS_MS = 300;

/** @throws LabError("failed") when the port is taken */
export async function openDashServer(options: DashOptions): Promise<DashHandle> {
  const closing = new AbortController();
  const answers = new Set<Promise<void>>();
  // A browser opens several connections; 64 readers are more than one person has.
  const server = createServer({ requestTimeout: 20_000, headersTimeout: 10_000, maxHeaderSize: 16_384 });
  limitConnections(server, CONNECTIONS_MAX);
  const port = await listen(server, ADDRESS, options.port);
  server.on("request", (request, response) => {
    const answered = answer({ request, response, port, closing: closing.signal }, options).catch((error: unknown) => {
      if (!response.destroyed && !closing.signal.aborted) options.onError(error);
      response.destroy();
    });
    answers.add(answered);
    void answered.then(() => answers.delete(answered));
  });
  return {
    port,
    url: `http://${ADDRESS}:${port}/#token=${options.token}`,
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      closing.abort();
      // Streams say their last line; a command that still runs isn't waited for.
      await Promise.race([Promise.allSettled(answers), sleep(LAST_WORDS_MS)]);
      server.closeAllConnections();
      await closed;
    },
  };
}

/** The port that it got. */
export async function listen(server: Server, address: string, port: number): Promise<number> {
  try {
    server.listen({ host: address, port, exclusive: true });
    await once(server, "listening");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === "EADDRINUSE" ? "it is in use" : code === "EACCES" ? "that isn't allowed" : String(error);
    throw new LabError(
      "failed",
      `can't listen on ${address}:${port}: ${why}`,
      "leave --port off: any free one is taken",
      {
        cause: error,
      },
    );
  }
  return (server.address() as AddressInfo).port;
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly port: number;
  readonly closing: AbortSignal;
}

async function answer(exchange: Exchange, options: DashOptions): Promise<void> {
  const { request, response, port } = exchange;
  for (const [name, value] of Object.entries(SAFE_HEADERS)) response.setHeader(name, value);
  const { method = "", url = "", headers } = request;
  const admission = admit({ method, url, headers }, { port, token: options.token });
  if (!admission.ok) {
    refuse(response, admission.status, admission.code, admission.message);
    return;
  }
  await serve(admission.route, exchange, options);
}

async function serve(route: Route, exchange: Exchange, { source, page, server }: DashOptions): Promise<void> {
  const { request, response } = exchange;
  switch (route) {
    case "page": {
      const file = await page();
      if (file !== null) response.setHeader("content-security-policy", file.policy);
      send(response, 200, "text/html; charset=utf-8", file?.html ?? MISSING_PAGE);
      return;
    }
    case "icon":
      response.writeHead(204).end();
      return;
    case "metrics":
      send(response, 200, METRICS_TYPE, await source.metrics());
      return;
    case "catalogue": {
      const parsed = parseCatalogueRequest(await readJson(request));
      if (!parsed.ok) refuse(response, 400, "BAD_REQUEST", parsed.message);
      else sendJson(response, 200, await source.catalogue());
      return;
    }
    case "command": {
      const parsed = parseCommand(await readJson(request));
      if (!parsed.ok) refuse(response, 400, "BAD_REQUEST", parsed.message);
      else if (!source.mayCommand) refuse(response, 409, "REPLAY", "a stored run can't be changed");
      else sendJson(response, 200, await source.command(parsed.value));
      return;
    }
    case "stream": {
      const parsed = parseStreamRequest(await readJson(request));
      if (!parsed.ok) refuse(response, 400, "BAD_REQUEST", parsed.message);
      else await stream(exchange, source, parsed.value, server);
    }
  }
}

async function stream(
  { response, closing }: Exchange,
  source: DashSource,
  { run, resume }: StreamRequest,
  server: string,
): Promise<void> {
  let feed = source.feed;
  try {
    if (run !== null) feed = await source.openRun(run);
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    refuse(response, 404, "NO_SUCH_RUN", error.message);
    return;
  }
  const gone = new AbortController();
  response.on("close", () => gone.abort());
  response.writeHead(200, { "content-type": "application/x-ndjson; charset=utf-8" });
  const setup = {
    server,
    mayCommand: run === null && source.mayCommand,
    resume: run === null || run === LESSON_RUN ? resume : null,
    signal: AbortSignal.any([gone.signal, closing]),
  };
  try {
    await writeStream(feed, sinkOf(response), setup);
  } catch (error) {
    // It closed its end, or took nothing for half a minute.
    if (!gone.signal.aborted) response.destroy(error as Error);
    return;
  }
  if (closing.aborted && !feed.isEnded)
    response.write(`${JSON.stringify({ type: "end", why: "server-ends", text: "`lab dash` has ended" })}\n`);
  response.end();
}

function sinkOf(response: ServerResponse): Sink {
  return {
    write: (text) => !response.destroyed && response.write(text),
    drained: async () => {
      if (response.destroyed) throw new Error("the reader is gone");
      const either = new AbortController();
      try {
        const { signal } = either;
        await Promise.race([once(response, "drain", { signal }), once(response, "close", { signal })]);
      } finally {
        either.abort();
      }
      if (response.destroyed) throw new Error("the reader is gone");
    },
  };
}

/** Undefined: no JSON, or too much of it. */
async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    // The length was announced as less.
    if (length > BODY_BYTES_MAX) return undefined;
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch {
    return undefined;
  }
}

function refuse(response: ServerResponse, status: number, code: string, message: string): void {
  // Its body, if it has one, isn't read.
  response.setHeader("connection", "close");
  sendJson(response, status, { error: { code, message } } satisfies DashError);
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  send(response, status, "application/json; charset=utf-8", JSON.stringify(value));
}

function send(response: ServerResponse, status: number, type: string, text: string): void {
  response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(text) });
  response.end(text);
}
