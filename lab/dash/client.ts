/**
 * The page's side of the protocol: reads the stream line by line, connects again where it broke off, sends commands. Nothing but `fetch`,
 * so it runs in a browser and in tests alike.
 *
 * The token comes in the address' fragment (`#token=…`), which browsers send to nobody; it travels in a header of each request.
 */
import type {
  Catalogue,
  CatalogueRequest,
  CommandReply,
  DashCommand,
  DashError,
  Hello,
  StreamMessage,
  StreamRequest,
} from "./protocol.ts";

export interface DashServer {
  /** `http://127.0.0.1:4321`; empty: where the page came from. */
  readonly origin: string;
  readonly token: string;
}

export type StreamState =
  | { readonly state: "connecting" | "open" }
  /** A new attempt follows by itself. */
  | { readonly state: "broken"; readonly why: string; readonly retryMs: number }
  /** For good: the token isn't this server's, or the server said `end`. */
  | { readonly state: "refused" | "ended"; readonly why: string };

export interface StreamOptions {
  readonly run?: string | null;
  readonly signal: AbortSignal;
  /** In the order that the server said them; never called again after `signal`. */
  readonly onMessage: (message: StreamMessage) => void;
  readonly onState?: (state: StreamState) => void;
}

/** A request that the server refused; `code` is its word, `status` the HTTP status. */
export class DashRefusal extends Error {
  readonly code: string;
  readonly status: number;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.name = "DashRefusal";
    this.status = status;
    this.code = code;
  }
}

const RETRY_MS_FIRST = 500;
const RETRY_MS_MAX = 5_000;

/** The token in an address' fragment, `#token=…`; null: there is none. */
export function readToken(fragment: string): string | null {
  return new URLSearchParams(fragment.replace(/^#/, "")).get("token");
}

/** Reads until the server says `end`, refuses, or `signal` ends it; breaks are bridged. Doesn't throw. */
export async function readStream(server: DashServer, options: StreamOptions): Promise<void> {
  const { signal } = options;
  const say = (state: StreamState): void => {
    if (!signal.aborted) options.onState?.(state);
  };
  let resume: StreamRequest["resume"] = null;
  let serverId = "";
  let retryMs = RETRY_MS_FIRST;
  let isOver = false;
  const onMessage = (message: StreamMessage): void => {
    if (signal.aborted) return;
    if (message.type === "hello") {
      serverId = (message satisfies Hello).server;
      retryMs = RETRY_MS_FIRST;
    }
    if (message.type === "entries") resume = { server: serverId, next: message.next };
    options.onMessage(message);
    if (message.type !== "end") return;
    isOver = true;
    say({ state: "ended", why: message.text });
  };
  while (!signal.aborted) {
    say({ state: "connecting" });
    try {
      const response = await post(server, "/api/stream", { run: options.run ?? null, resume }, signal);
      say({ state: "open" });
      await readLines(response, onMessage);
      if (isOver) return;
      say({ state: "broken", why: "the server closed the connection", retryMs });
    } catch (error) {
      if (signal.aborted) return;
      const why = error instanceof Error ? error.message : String(error);
      if (error instanceof DashRefusal && error.status < 500) {
        say({ state: "refused", why });
        return;
      }
      say({ state: "broken", why, retryMs });
    }
    await pause(retryMs, signal);
    retryMs = Math.min(retryMs * 2, RETRY_MS_MAX);
  }
}

/** @throws DashRefusal when the request itself is refused; a command that fails is a reply */
export async function sendCommand(
  server: DashServer,
  command: DashCommand,
  signal?: AbortSignal,
): Promise<CommandReply> {
  const response = await post(server, "/api/command", command, signal);
  return (await response.json()) as CommandReply;
}

/** @throws DashRefusal */
export async function readCatalogue(server: DashServer, signal?: AbortSignal): Promise<Catalogue> {
  const response = await post(server, "/api/catalogue", {} satisfies CatalogueRequest, signal);
  return (await response.json()) as Catalogue;
}

async function post(
  { origin, token }: DashServer,
  path: string,
  body: StreamRequest | DashCommand | CatalogueRequest,
  signal?: AbortSignal,
): Promise<Response> {
  const response = await fetch(`${origin}${path}`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      authorization: `Bearer ${token}`,
      // A browser sets it itself and lets nobody else do so; other clients must say it.
      ...(origin === "" ? {} : { origin }),
    },
    body: JSON.stringify(body),
    // No cookies go with it, and no cache keeps the answer.
    credentials: "omit",
    cache: "no-store",
    ...(signal === undefined ? {} : { signal }),
  });
  if (response.ok) return response;
  const { error } = (await response.json().catch(() => ({ error: {} }))) as Partial<DashError>;
  throw new DashRefusal(
    response.status,
    error?.code ?? "UNKNOWN",
    error?.message ?? `the server answers ${response.status}`,
  );
}

async function readLines(response: Response, onMessage: (message: StreamMessage) => void): Promise<void> {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line !== "") onMessage(JSON.parse(line) as StreamMessage);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
