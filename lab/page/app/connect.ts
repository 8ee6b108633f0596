/**
 * Where a run comes from: the server that the page was opened at, or the page itself (report.html).
 */
import { type DashServer, readCatalogue, readStream, readToken, sendCommand } from "../../dash/client.ts";
import { LESSON_RUN, type StreamMessage } from "../../dash/protocol.ts";
import type { Entry } from "../../journal/entry.ts";
import { INSIDE_ID, JOURNAL_ID, type RunInside } from "../model/run-inside.ts";
import { markViolations } from "../model/violations.ts";
import type { CommandTaker } from "./command-taker.ts";
import type { Store } from "./page-store.ts";

/** Lines that are added between two frames while a long past is read. */
const CHUNK = 20_000;

/** @returns what commands are sent to; null: the page holds its run itself, or has no token */
export async function openSource(store: Store): Promise<CommandTaker | null> {
  const inside = document.getElementById(INSIDE_ID);
  if (inside !== null) {
    await openInside(store, JSON.parse(inside.textContent ?? "") as RunInside);
    return null;
  }
  const token = takeToken();
  if (token === null) {
    store.isLoading = false;
    store.trouble = "This address has no token. Open the one that `lab dash` printed, with everything behind the #.";
    store.changed();
    return null;
  }
  const server: DashServer = { origin: "", token };
  const run = new URLSearchParams(location.hash.slice(1)).get("run");
  void readCatalogue(server).then(
    (catalogue) => {
      store.catalogue = catalogue;
      store.changed();
    },
    // The stream says what is wrong.
    () => {},
  );
  let stream = follow(store, server, run);
  const show = (what: "lesson" | "lab"): void => {
    if (store.shows === what) return;
    store.shows = what;
    stream.abort();
    store.server = "";
    store.playback.endLive();
    stream = follow(store, server, what === "lesson" ? LESSON_RUN : run);
  };
  return {
    show,
    async send(command) {
      const reply = await sendCommand(server, command);
      // In virtual time there is no other lab to be shown: the experiment goes on in this one.
      if (reply.ok && command.verb === "scenario" && store.facts.runtime !== "sim") show("lesson");
      return reply;
    },
  };
}

/** Reads one run until it ends or something else is shown. */
function follow(store: Store, server: DashServer, run: string | null): AbortController {
  const stop = new AbortController();
  void readStream(server, {
    run,
    signal: stop.signal,
    onMessage: (message) => receive(store, message),
    onState: (state) => {
      store.connection = state;
      if (state.state === "refused") {
        store.isLoading = false;
        store.trouble = `The server refuses: ${state.why}`;
      }
      if (state.state === "ended") store.playback.endLive();
      store.changed();
    },
  });
  return stop;
}

/**
 * The token of the address, which it is then taken out of: an address bar is seen on projectors and copied without a thought. The tab
 * keeps it, so that the page can be loaded again.
 */
function takeToken(): string | null {
  const key = "energy-lab token";
  const token = readToken(location.hash);
  try {
    if (token === null) return sessionStorage.getItem(key);
    sessionStorage.setItem(key, token);
    const rest = new URLSearchParams(location.hash.slice(1));
    rest.delete("token");
    history.replaceState(null, "", `${location.pathname}${rest.size === 0 ? "" : `#${rest}`}`);
  } catch {
    // A tab that may keep nothing: the address keeps it, then.
  }
  return token;
}

function receive(store: Store, message: StreamMessage): void {
  switch (message.type) {
    case "hello":
      store.mode = message.mode;
      store.pastLeft = message.past;
      // The same server goes on after a break where it was; another one sends everything again.
      if (store.server !== message.server) store.begin(message.facts, message.gaps);
      store.server = message.server;
      store.trouble = "";
      store.mayCommand = message.mayCommand;
      if (message.mode === "live") {
        const isFirst = !store.playback.canFollow;
        store.playback.setClock(message.nowMs, performance.now());
        if (isFirst) store.playback.follow();
      }
      if (message.past === 0) store.isLoading = false;
      document.title = `${message.facts.lab} · energy-lab`;
      break;
    case "entries":
      store.add(message.entries);
      store.pastLeft -= message.entries.length;
      if (store.pastLeft <= 0) store.isLoading = false;
      break;
    case "snapshot":
      store.isLoading = false;
      store.playback.setClock(message.atMs, performance.now());
      store.addSnapshot(message);
      return;
    case "verdicts":
      store.checks = message.checks;
      markViolations(store.history, message.checks);
      break;
    case "scenario":
      store.tell(message);
      return;
    case "skipped":
      store.trouble = `${message.entries} lines were left out: this browser was slower than the cluster`;
      break;
    case "notice":
      store.trouble = message.code === "engine-back" ? "" : message.text;
      break;
    case "beat":
      if (store.mode === "live") store.playback.setClock(message.atMs, performance.now());
      return;
    case "end":
      store.isLoading = false;
      store.playback.endLive();
      if (message.why === "replayed") store.fitWindow();
      if (message.why !== "replayed") store.trouble = message.text;
      break;
    default:
      return;
  }
  store.changed();
}

async function openInside(store: Store, inside: RunInside): Promise<void> {
  store.begin(inside.facts, inside.gaps);
  store.checks = inside.checks;
  store.about = inside.about;
  if (inside.checks.length > 0 || inside.about !== null) store.tab = "verdict";
  const text = await unpack(document.getElementById(JOURNAL_ID)?.textContent ?? "");
  const lines = text === "" ? [] : text.split("\n");
  for (let at = 0; at < lines.length; at += CHUNK) {
    store.add(lines.slice(at, at + CHUNK).map((line) => JSON.parse(line) as Entry));
    await new Promise((resolve) => setTimeout(resolve));
  }
  markViolations(store.history, inside.checks);
  store.isLoading = false;
  store.fitWindow();
  const violation = store.history.marks.all.find((mark) => mark.kind === "violation");
  store.seek(violation?.atMs ?? firstAgreementMs(store));
  store.changed(true);
}

/** A run begins with nodes that know nobody: what happens then is worth a look, an empty picture isn't. */
function firstAgreementMs(store: Store): number {
  const leader = store.history.marks.all.find((mark) => mark.kind === "leader");
  return Math.min((leader?.atMs ?? store.history.beginMs) + 800, store.history.endMs);
}

async function unpack(base64: string): Promise<string> {
  const packed = Uint8Array.from(atob(base64.trim()), (char) => char.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return await new Response(stream).text();
}
