/**
 * `control <operation>`: asks the node that runs on this machine (or in this container) over loopback. What `docker exec` runs.
 *
 * A UDP socket around one call (wire/control-call.ts). `control request '<json>'` prints the whole result as one line of JSON, for
 * programs; everything else prints what the prompt would.
 */
import * as crypto from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import type { ControlRequest, ControlResult } from "../wire/control.ts";
import { type CallOutcome, ControlCall } from "../wire/control-call.ts";
import { controlAuthenticator, openControlReply, sealControlRequest } from "../wire/control-frame.ts";
import type { Authenticator } from "../wire/envelope.ts";
import { parseCommandLine } from "./command-line.ts";
import { loadToken } from "./config.ts";
import { ConfigError, messageOf, OperatorError } from "./errors.ts";
import { resolveNames } from "./resolve-names.ts";
import { readSettings, type SettingLabels, type Settings } from "./settings.ts";
import { readWhereabouts } from "./whereabouts.ts";

export const CONTROL_USAGE = `Usage: node main.js control <operation> [--node N] [--json] [--timeout SECONDS]

  status | balance | nodes | history | help     what the prompt shows
  sell N A | buy N A | election                 as at the prompt
  recover [--accept-loss]                       what a node that lost its disk waits for; go on without it
  ping | state                                  the node's state as JSON
  trade TRADE_ID                                what became of a trade
  leave                                         leave the cluster and stop
  request JSON                                  any request of the control channel; prints its result as JSON`;

const TIMEOUT_MS = 5_000;
const TRADE_TIMEOUT_MS = 30_000;

interface Asked {
  readonly request: Record<string, unknown>;
  readonly output: "text" | "data" | "result";
}

/** Runs the sub-command; resolves to the exit code. Throws OperatorError. */
export async function runControl(argv: readonly string[], environment: NodeJS.ProcessEnv): Promise<number> {
  const { words, node, json, timeoutMs } = parseOptions(argv);
  if (words.length === 0) throw new ConfigError("control: no operation is given", CONTROL_USAGE);
  const asked = parseAsked(words, json);
  const labels: SettingLabels = node === null ? {} : { DS_NODE_ID: "--node" };
  const own = await resolveNames({ ...environment, ...(node === null ? {} : { DS_NODE_ID: node }) });
  const settings = readSettings(own, labels);
  const result = await exchange(asked.request, locate(settings), loadToken(settings), timeoutMs);
  print(result, asked.output);
  return result.ok || asked.output === "result" ? 0 : 1;
}

function parseOptions(argv: readonly string[]) {
  const words: string[] = [];
  let node: string | null = null;
  let timeoutMs: number | null = null;
  let json = false;
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? "";
    if (word === "--json") json = true;
    else if (word === "--node") node = argv[++i] ?? "";
    else if (word === "--timeout") timeoutMs = Number(argv[++i]) * 1000;
    else words.push(word);
  }
  if (timeoutMs !== null && !(timeoutMs > 0))
    throw new ConfigError("--timeout needs a number of seconds", CONTROL_USAGE);
  return { words, node, json, timeoutMs };
}

function parseAsked(words: readonly string[], json: boolean): Asked {
  const [op = "", argument] = words;
  const output = json ? "data" : "text";
  if (op === "request") {
    try {
      const request: unknown = JSON.parse(argument ?? "");
      if (typeof request === "object" && request !== null)
        return { request: request as Record<string, unknown>, output: "result" };
    } catch {
      // Said below.
    }
    throw new ConfigError("control request: that isn't a JSON object", CONTROL_USAGE);
  }
  if (op === "ping" || op === "state") return { request: { op }, output: "data" };
  if (op === "leave") return { request: { op }, output };
  if (op === "trade" && argument !== undefined) return { request: { op, trade_id: argument }, output: "data" };
  const parsed = parseCommandLine(words.join(" "));
  if (parsed.kind === "request") return { request: parsed.request, output };
  if (parsed.kind === "quit") return { request: { op: "leave" }, output };
  throw new ConfigError(parsed.kind === "refused" ? parsed.text : "control: nothing to do", CONTROL_USAGE);
}

/** The node's port on loopback: from its number, or from what the node wrote into its data directory. */
function locate(settings: Settings): { ip: string; port: number } {
  const ip = settings.DS_HOST?.startsWith("127.") === true ? settings.DS_HOST : "127.0.0.1";
  if (settings.DS_NODE_ID !== undefined)
    return { ip, port: (settings.DS_UNICAST_PORT_BASE ?? 6000) + settings.DS_NODE_ID };
  const found = settings.DS_DATA_DIR === undefined ? null : readWhereabouts(settings.DS_DATA_DIR);
  if (found !== null) return found;
  throw new ConfigError("control: which node?", "say its number: --node 1 (or DS_NODE_ID=1)");
}

async function exchange(
  asked: Record<string, unknown>,
  target: { ip: string; port: number },
  token: string | null,
  givenTimeoutMs: number | null,
): Promise<ControlResult> {
  const authenticator = controlAuthenticator(token, crypto);
  const bootId = crypto.randomBytes(8).toString("hex");
  const newId = (): string => crypto.randomBytes(15).toString("base64url");
  const isTrade = asked.op === "sell" || asked.op === "buy";
  const requestId = typeof asked.request_id === "string" ? asked.request_id : newId();
  const call = new ControlCall({
    request: { ...asked, request_id: requestId } as ControlRequest,
    boot: null,
    deadlineMs: performance.now() + (givenTimeoutMs ?? (isTrade ? TRADE_TIMEOUT_MS : TIMEOUT_MS)),
    pace: { replyMs: 0 },
    newId,
  });
  const socket = createSocket("udp4");
  await bind(socket);
  let packetSeq = 0;
  const send = (request: ControlRequest): void => {
    packetSeq += 1;
    const seal = { sender: 0, incarnation: 0, bootId, packetSeq };
    socket.send(sealControlRequest(request, seal, authenticator), target.port, target.ip, () => {});
  };
  try {
    const outcome = await carry(call, socket, authenticator, send);
    if (outcome.state === "answered" && outcome.result !== null) return outcome.result;
    if (outcome.state === "silent") throw noAnswer(target);
    throw new OperatorError("control: the answer can't be read", "is the node of another version?");
  } catch (error) {
    if (error instanceof RangeError)
      throw new ConfigError(`control: the request is too large: ${error.message}`, "send `impair` in parts");
    throw error;
  } finally {
    socket.close();
  }
}

/** Does over a socket what the call asks for, until it has an outcome. */
function carry(
  call: ControlCall,
  socket: Socket,
  authenticator: Authenticator,
  send: (request: ControlRequest) => void,
): Promise<CallOutcome> {
  const { promise, resolve, reject } = Promise.withResolvers<CallOutcome>();
  let timer: NodeJS.Timeout | undefined;
  const advance = (): void => {
    clearTimeout(timer);
    try {
      for (const request of call.poll(performance.now())) send(request);
    } catch (error) {
      reject(error);
      return;
    }
    if (call.outcome !== null) resolve(call.outcome);
    else timer = setTimeout(advance, call.nextAtMs - performance.now());
  };
  socket.on("message", (datagram) => {
    const opened = openControlReply(datagram, authenticator);
    if (opened.ok && call.receive(opened.reply, opened.header.bootId, performance.now())) advance();
  });
  advance();
  return promise;
}

async function bind(socket: Socket): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.once("error", reject);
  socket.bind(0, resolve);
  try {
    await promise;
  } catch (error) {
    throw new OperatorError(`control: no UDP socket: ${messageOf(error)}`, "check the limits of this machine");
  }
  // Nobody listens there (ECONNREFUSED): the deadline says so in better words.
  socket.on("error", () => {});
}

function noAnswer(target: { ip: string; port: number }): OperatorError {
  return new OperatorError(
    `control: no answer from ${target.ip}:${target.port}`,
    "does the node run here, and with the same DS_CONTROL_TOKEN?",
  );
}

function print(result: ControlResult, output: Asked["output"]): void {
  if (output === "result") process.stdout.write(`${JSON.stringify(result)}\n`);
  else if (!result.ok) process.stderr.write(`${result.message}\n`);
  else if (output === "data" || result.text === undefined)
    process.stdout.write(`${JSON.stringify(result.data, null, 2)}\n`);
  else process.stdout.write(`${result.text}\n`);
}
