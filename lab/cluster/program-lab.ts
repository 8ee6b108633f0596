/** Nodes that run a program which isn't ours: until they are ready, and what they answer. */
import type { NodeId } from "../../node/wire/ids.ts";
import { sleep } from "../base/lab-clock.ts";
import { LabError } from "../base/lab-error.ts";
import { NEXT } from "../base/next.ts";
import { type Engine, hasContainers, type ProgramHost } from "../engine/engine.ts";
import { isAlive } from "../engine/node-status.ts";
import { fillIn, fillWords, type Place, type Program, type Question } from "../kind/program-spec.ts";
import type { LabHandle } from "./lab-handle.ts";
import { lastWords } from "./last-words.ts";
import { readOutput } from "./program-facts.ts";
import { explainExit } from "./wait-for.ts";

const LOOK_MS = 150;
/** A node that says nothing about itself is ready when it has lived so long. */
const SETTLED_MS = 500;
const ASK_MS = 10_000;
const UDP_MS = 1_000;
const ANSWER_BYTES_MAX = 2 ** 20;

/** @throws LabError("unsupported") where only our own peers can run */
export function programHost(engine: Engine): ProgramHost {
  if (engine.programs !== undefined) return engine.programs;
  const where = { docker: "this engine", swarm: "a swarm", local: "the local runtime", sim: "virtual time" }[
    engine.name
  ];
  throw new LabError("unsupported", `${where} can't run a program that isn't ours (node:)`, "use --runtime docker");
}

const ONLY_PROGRAMS = "questions and orders are of programs of one's own: `node:` in a lab file";

/** @throws LabError("unsupported") when its nodes are our own */
export function programOf(lab: LabHandle): Program {
  if (lab.info.program != null) return lab.info.program;
  throw new LabError("unsupported", `the nodes of lab "${lab.name}" are the lab's own peers`, ONLY_PROGRAMS);
}

function placeIn(lab: LabHandle, id: NodeId, args: readonly string[] = []): Place {
  return { id, addresses: new Map(lab.info.nodes.map((node) => [node.id, node.ip ?? ""])), args };
}

export interface ReadyOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/**
 * Waits until each of these nodes is ready by its program's own sign, and listens where it says that it does.
 * @throws LabError("failed") when one ends; LabError("timeout") with what was seen instead
 */
export async function waitForReady(
  lab: LabHandle,
  ids: readonly NodeId[],
  { timeoutMs, signal }: ReadyOptions,
): Promise<void> {
  const { clock } = lab;
  const beganMs = clock.nowMs();
  for (let missing = ids, why = ""; ; ) {
    await lab.refresh();
    const gone = ids.filter((id) => !isAlive(lab.node(id)));
    if (gone.length > 0) throw withCause(await explainExit(lab, gone));
    const looks = await Promise.all(
      missing.map(async (id) => ({ id, why: await whyNotReady(lab, id, clock.nowMs() - beganMs) })),
    );
    const open = looks.filter((look) => look.why !== null);
    missing = open.map(({ id }) => id);
    why = open[0]?.why ?? "";
    if (missing.length === 0) return;
    if (clock.nowMs() - beganMs > timeoutMs) throw await notReady(lab, missing, why, timeoutMs);
    await sleep(clock, LOOK_MS, signal);
  }
}

/** What a program's last words mean here. */
const CAUSES: readonly (readonly [words: RegExp, cause: string])[] = [
  [
    /not permitted|permission denied|must be superuser|EPERM|EACCES/i,
    "a node's program has no capability: do that in the image, or do without",
  ],
  [
    /EADDRNOTAVAIL|cannot assign requested address/i,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: as files write it
    "a node has one address, ${ip}, of IPv4: bind to that, or to all",
  ],
  [
    /EADDRINUSE|address already in use/i,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: as files write it
    "another process has the port: local nodes share this machine, so bind to ${ip}",
  ],
];

function withCause(error: LabError): LabError {
  const [, cause] = CAUSES.find(([words]) => words.test(error.message)) ?? [];
  if (cause === undefined) return error;
  return new LabError(error.exit, `${error.message}\n  ${cause}`, error.hints, { details: error.details });
}

async function notReady(lab: LabHandle, ids: readonly NodeId[], why: string, timeoutMs: number): Promise<LabError> {
  const [first = 0] = ids;
  const words = await lastWords(lab, first, 5);
  const said =
    words.length === 0 ? "; it wrote nothing" : `; it wrote last:\n${words.map((line) => `    ${line}`).join("\n")}`;
  const message = `node ${ids.join(", ")} isn't ready after ${timeoutMs / 1000} s: ${why}${said}`;
  return new LabError(
    "timeout",
    message,
    ["correct ready: or the program", NEXT.readLogs(first), NEXT.removeLab(lab.name)],
    { details: { nodes: ids } },
  );
}

/** Null: it is ready. */
async function whyNotReady(lab: LabHandle, id: NodeId, forMs: number): Promise<string | null> {
  try {
    return (await whyNoSign(lab, id, forMs)) ?? (await whyNotListening(lab, id));
  } catch (error) {
    // It may have ended since: the next look says so.
    if (error instanceof LabError) return error.message;
    throw error;
  }
}

async function whyNoSign(lab: LabHandle, id: NodeId, forMs: number): Promise<string | null> {
  const { ready } = programOf(lab);
  if (ready === undefined) return forMs < SETTLED_MS ? "it has just started" : null;
  if (ready === "health") {
    const { isHealthy } = lab.node(id);
    if (isHealthy === undefined) return "its image has no health check";
    return isHealthy ? null : "its health check doesn't pass";
  }
  if ("log" in ready) {
    const pattern = new RegExp(ready.log, "u");
    const lines = await readOutput(lab, [id]);
    return lines.some(({ text }) => pattern.test(text)) ? null : `no line of its output matches /${ready.log}/`;
  }
  await ask(lab, id, ready, []);
  return null;
}

interface Socket {
  readonly protocol: string;
  readonly address: string;
  readonly port: number;
}

/** Whether it listens on the ports that the file names, on an address at which others reach it. */
async function whyNotListening(lab: LabHandle, id: NodeId): Promise<string | null> {
  const wanted = programOf(lab).network?.udp ?? [];
  if (wanted.length === 0) return null;
  const sockets = await readSockets(lab, id);
  if (sockets === null) return null;
  for (const port of wanted) {
    const own = sockets.filter((socket) => socket.port === port);
    const reachable = new Set(["0.0.0.0", "::", lab.node(id).ip, ...(programOf(lab).network?.groups ?? [])]);
    if (own.some(({ protocol, address }) => protocol.startsWith("udp") && reachable.has(address))) continue;
    const [other] = own;
    if (other === undefined) return `it doesn't listen on UDP port ${port}`;
    return other.protocol.startsWith("tcp")
      ? `it listens on TCP port ${port} only, not on UDP`
      : `it listens on ${other.address}:${port}, ${other.protocol === "udp6" ? "and the lab's network has IPv4 only" : "where no other node reaches it"}`;
  }
  return null;
}

/** Null: they can't be read (an image without `cat`). */
async function readSockets(lab: LabHandle, id: NodeId): Promise<readonly Socket[] | null> {
  const kinds = ["udp", "udp6", "tcp", "tcp6"];
  const found = await Promise.all(
    kinds.map(async (protocol) => {
      const { exitCode, stdout } = await programHost(lab.engine).exec(
        lab.name,
        id,
        ["cat", `/proc/net/${protocol}`],
        ASK_MS,
      );
      if (exitCode !== 0) return protocol.endsWith("6") ? [] : null;
      return stdout
        .split("\n")
        .slice(1)
        .flatMap((line) => parseSocket(protocol, line));
    }),
  );
  return found.some((list) => list === null) ? null : found.flatMap((list) => list ?? []);
}

/** A line of /proc/net/udp: the kernel prints addresses as little-endian words in hex. */
export function parseSocket(protocol: string, line: string): readonly Socket[] {
  const [, local = "", , state] = line.trim().split(/\s+/);
  const [hex = "", port = ""] = local.split(":");
  if (!/^([0-9A-F]{8}|[0-9A-F]{32})$/i.test(hex)) return [];
  // A TCP socket that doesn't listen is a connection.
  if (protocol.startsWith("tcp") && state !== "0A") return [];
  const address =
    hex.length === 8 ? [...Buffer.from(hex, "hex")].reverse().join(".") : /^0+$/.test(hex) ? "::" : `IPv6 ${hex}`;
  return [{ protocol, address, port: Number.parseInt(port, 16) }];
}

/**
 * A node's answer, in the form that the question names.
 * @throws LabError("failed") when the command fails, LabError("timeout") without an answer
 */
export async function ask(lab: LabHandle, id: NodeId, question: Question, args: readonly string[]): Promise<unknown> {
  const place = placeIn(lab, id, args);
  const text =
    "exec" in question
      ? await askByCommand(lab, id, fillWords(question.exec, place))
      : await askByUdp(lab, id, question.udp, fillIn(question.send, place));
  const { as = "text" } = question as { as?: "json" | "lines" | "text" };
  if (as === "lines") return text.split(/\r?\n/).filter((line) => line !== "");
  if (as === "text") return text.trimEnd();
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new LabError(
      "failed",
      `node ${id} didn't answer in JSON: ${(error as Error).message}`,
      "correct `as:`, or the program",
    );
  }
}

async function askByCommand(lab: LabHandle, id: NodeId, command: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await programHost(lab.engine).exec(lab.name, id, command, ASK_MS);
  if (exitCode === 0) return stdout.slice(0, ANSWER_BYTES_MAX);
  const why = (stderr || stdout).trim().split("\n").at(-1) || "it said nothing";
  throw new LabError(
    "failed",
    `"${command.join(" ")}" in node ${id} ended with code ${exitCode}: ${why}`,
    "correct the command in the lab file",
  );
}

async function askByUdp(lab: LabHandle, id: NodeId, port: number, text: string): Promise<string> {
  const { ip } = lab.node(id);
  // Loaded here, because this module is in the browser's bundle too, which has no sockets.
  const socket = process.getBuiltinModule("node:dgram").createSocket("udp4");
  try {
    const answer = new Promise<string>((resolve, reject) => {
      socket.once("message", (bytes, { address }) => {
        // Of several sockets on one port that are bound to no address, any may have been asked.
        if (hasContainers(lab.info.runtime) || address === ip) resolve(bytes.toString());
        else reject(sharesPort(id, port));
      });
      socket.once("error", reject);
    });
    socket.send(text, port, ip ?? "127.0.0.1");
    const silence = sleep(lab.clock, UDP_MS).then((): never => {
      throw new LabError("timeout", `node ${id} doesn't answer on UDP ${ip}:${port}`, NEXT.readLogs(id));
    });
    return await Promise.race([answer, silence]);
  } catch (error) {
    if (error instanceof LabError) throw error;
    throw new LabError(
      "failed",
      `node ${id} can't be asked on UDP ${ip}:${port}: ${(error as Error).message}`,
      NEXT.readLogs(id),
    );
  } finally {
    socket.close();
  }
}

function sharesPort(id: NodeId, port: number): LabError {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: as files write it
  const hints = ["bind the socket to ${ip}, or ask by exec:", "or use --runtime docker"];
  const message = `node ${id} shares UDP port ${port} with the other nodes of this machine: nobody can say whose answer it is`;
  return new LabError("failed", message, hints);
}

/** The question of this name. @throws LabError("usage") */
export function questionOf(lab: LabHandle, verb: "ask" | "tell", name: string): Question {
  const known = programOf(lab)[verb] ?? {};
  const found = known[name];
  if (found !== undefined) return found;
  const names = Object.keys(known).join(", ") || "nothing";
  throw new LabError(
    "usage",
    `the lab file has no "${name}" under ${verb}: (it has ${names})`,
    `add it under node: ${verb}:`,
  );
}
