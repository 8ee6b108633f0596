/**
 * A node as a child process on loopback, for integration tests: asked over its control channel, read
 * through its journal. Every lab gets free ports and a folder of its own; `await using` ends what a failed test leaves running.
 */
import { type ChildProcess, spawn } from "node:child_process";
import * as crypto from "node:crypto";
import { randomBytes } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { buildNodeBundle } from "../../build.mjs";
import {
  BOUND_OPS,
  type ControlReply,
  type ControlResult,
  type PingData,
  type StateData,
} from "../../node/wire/control.ts";
import {
  controlAuthenticator,
  joinPages,
  openControlReply,
  sealControlRequest,
} from "../../node/wire/control-frame.ts";

/** The bundle that the image carries, made from the sources as they are now: it starts three times as fast as they do. */
import { timeFactor, until } from "./eventually.ts";

export const mainPath = await buildNodeBundle();

export interface JournalLine {
  readonly kind: string;
  readonly level: string;
  readonly msg: string;
  readonly seq: number;
  readonly inc: number;
  readonly [field: string]: unknown;
}

export interface StartOptions {
  readonly env?: Record<string, string>;
  readonly args?: readonly string[];
  /** No data directory. */
  readonly memoryOnly?: boolean;
  /** Another bundle than the one that the image carries. */
  readonly main?: string;
}

/** Free UDP ports base+1 … base+count, and one for the group. */
export async function findPorts(count: number): Promise<{ base: number; group: number }> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const sockets: Socket[] = [];
    try {
      const group = await bind(sockets, 0);
      const first = await bind(sockets, 0);
      for (let i = 1; i < count; i++) await bind(sockets, first + i);
      return { base: first - 1, group };
    } catch {
      // Somebody has one of them: elsewhere, then.
    } finally {
      for (const socket of sockets) socket.close();
    }
  }
  throw new Error(`no ${count} free UDP ports in a row`);
}

async function bind(sockets: Socket[], port: number): Promise<number> {
  const socket = createSocket("udp4");
  sockets.push(socket);
  socket.bind({ port, address: "0.0.0.0", exclusive: true });
  await once(socket, "listening");
  return socket.address().port;
}

export class TestLab implements AsyncDisposable {
  readonly token = randomBytes(12).toString("hex");
  readonly folder = mkdtempSync(join(tmpdir(), "energy-lab-node-"));
  readonly nodes: TestNode[] = [];
  readonly portBase: number;
  readonly groupPort: number;
  readonly #client: Socket;
  readonly #authenticator = controlAuthenticator(this.token, crypto);
  readonly #waiting = new Map<string, (reply: ControlReply) => void>();
  readonly #boots = new Map<string, string>();
  #packetSeq = 0;
  readonly #bootId = randomBytes(8).toString("hex");

  private constructor(ports: { base: number; group: number }, client: Socket) {
    this.portBase = ports.base;
    this.groupPort = ports.group;
    this.#client = client;
    client.on("message", (datagram) => {
      const opened = openControlReply(datagram, this.#authenticator);
      if (!opened.ok || !opened.reply.final) return;
      this.#boots.set(opened.reply.request_id, opened.header.bootId);
      this.#waiting.get(opened.reply.request_id)?.(opened.reply);
    });
  }

  static async open(nodes = 5): Promise<TestLab> {
    const ports = await findPorts(nodes);
    const client = createSocket("udp4");
    client.bind(0, "127.0.0.1");
    await once(client, "listening");
    return new TestLab(ports, client);
  }

  start(id: number, options: StartOptions = {}): TestNode {
    const env = { ...this.environment(id), ...options.env };
    if (options.memoryOnly === true) delete env.DS_DATA_DIR;
    mkdirSync(this.dataDir(id), { recursive: true });
    const node = new TestNode(id, this, [options.main ?? mainPath, String(id), ...(options.args ?? [])], env);
    this.nodes.push(node);
    return node;
  }

  /** The variables of a node of this lab. */
  environment(id: number): Record<string, string> {
    return {
      DS_HOST: "127.0.0.1",
      DS_MULTICAST_PORT: String(this.groupPort),
      DS_UNICAST_PORT_BASE: String(this.portBase),
      DS_CONTROL_TOKEN: this.token,
      DS_PROFILE: "fast",
      DS_DATA_DIR: this.dataDir(id),
    };
  }

  dataDir(id: number): string {
    return join(this.folder, `node-${id}`);
  }

  port(id: number): number {
    return this.portBase + id;
  }

  /** Sends raw bytes to a node's unicast port. */
  sendRaw(id: number, bytes: Uint8Array): void {
    this.#client.send(bytes, this.port(id), "127.0.0.1");
  }

  sealRequest(request: Record<string, unknown>, token?: string): Uint8Array {
    this.#packetSeq += 1;
    const authenticator = token === undefined ? this.#authenticator : controlAuthenticator(token, crypto);
    const seal = { sender: 0, incarnation: 0, bootId: this.#bootId, packetSeq: this.#packetSeq };
    return sealControlRequest(request as never, seal, authenticator);
  }

  /** Repeats the request until its final reply; null when there is none in time. */
  async request(id: number, body: Record<string, unknown>, timeoutMs = 10_000): Promise<ControlResult | null> {
    const requestId = (body.request_id as string | undefined) ?? randomBytes(9).toString("base64url");
    const boot = BOUND_OPS.includes(String(body.op)) ? { boot: await this.bootOf(id, timeoutMs) } : {};
    const first = await this.#exchange(id, { ...boot, ...body, request_id: requestId }, timeoutMs);
    if (first === null) return null;
    const pages = [first.body];
    for (let page = 1; page < first.pages; page++) {
      const next = await this.#exchange(
        id,
        { op: "page", request_id: `${requestId}.${page}`, of: requestId, page },
        timeoutMs,
      );
      if (next === null) return null;
      pages.push(next.body);
    }
    return joinPages(pages);
  }

  /** Boot id of the process that answers there; undefined: none does. */
  async bootOf(id: number, timeoutMs = 10_000): Promise<string | undefined> {
    const requestId = randomBytes(9).toString("base64url");
    await this.#exchange(id, { op: "ping", request_id: requestId }, timeoutMs);
    return this.#boots.get(requestId);
  }

  async #exchange(id: number, request: Record<string, unknown>, timeoutMs: number): Promise<ControlReply | null> {
    const requestId = request.request_id as string;
    const { promise, resolve } = Promise.withResolvers<ControlReply | null>();
    this.#waiting.set(requestId, resolve);
    const send = (): void => this.sendRaw(id, this.sealRequest(request));
    const repeat = setInterval(send, 100);
    const giveUp = setTimeout(() => resolve(null), timeoutMs * timeFactor);
    send();
    try {
      return await promise;
    } finally {
      clearInterval(repeat);
      clearTimeout(giveUp);
      this.#waiting.delete(requestId);
    }
  }

  /** All given nodes follow the same coordinator; resolves to it. */
  agree(nodes: readonly TestNode[], coordinator?: number, timeoutMs = 15_000): Promise<number> {
    return until(
      `nodes ${nodes.map((node) => node.id).join(", ")} agree${coordinator === undefined ? "" : ` on ${coordinator}`}`,
      async () => {
        const pings = await Promise.all(nodes.map((node) => node.ping()));
        const followed = new Set(pings.map((ping) => `${ping?.coordinator}/${ping?.term}/${ping?.elected}`));
        const [first] = pings;
        if (followed.size !== 1 || first == null || first.coordinator === null) return false;
        if (pings.some((ping) => ping?.phase !== "READY")) return false;
        return coordinator === undefined || first.coordinator === coordinator ? first.coordinator : false;
      },
      timeoutMs,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.kill()));
    this.#client.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export class TestNode {
  readonly id: number;
  readonly lines: JournalLine[] = [];
  /** What wasn't JSON: the prompt's texts. */
  readonly plain: string[] = [];
  stderr = "";
  readonly exited: Promise<number | null>;
  readonly child: ChildProcess;
  readonly #lab: TestLab;

  constructor(id: number, lab: TestLab, args: readonly string[], env: Record<string, string>) {
    this.id = id;
    this.#lab = lab;
    this.child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", ...args], {
      env: { PATH: process.env.PATH ?? "", ...env },
      cwd: lab.folder,
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.exited = once(this.child, "exit").then(([code]) => code as number | null);
    const stdout = this.child.stdout;
    if (stdout === null) throw new Error("no stdout");
    createInterface({ input: stdout }).on("line", (line) => this.#onLine(line));
    this.child.stderr?.on("data", (chunk: Buffer) => {
      this.stderr += chunk.toString();
    });
  }

  #onLine(line: string): void {
    try {
      const parsed: unknown = JSON.parse(line);
      if (typeof parsed === "object" && parsed !== null) this.lines.push(parsed as JournalLine);
    } catch {
      this.plain.push(line);
    }
  }

  type(line: string): void {
    this.child.stdin?.write(`${line}\n`);
  }

  request(body: Record<string, unknown>, timeoutMs?: number): Promise<ControlResult | null> {
    return this.#lab.request(this.id, body, timeoutMs);
  }

  /** Data of a positive answer; throws on anything else. */
  async ask(op: string, fields: Record<string, unknown> = {}): Promise<unknown> {
    const result = await this.request({ op, ...fields });
    if (result?.ok !== true) throw new Error(`node ${this.id} answered ${op} with ${JSON.stringify(result)}`);
    return result.data;
  }

  async ping(): Promise<PingData | null> {
    const result = await this.request({ op: "ping" }, 500);
    return result?.ok === true ? (result.data as PingData) : null;
  }

  state(): Promise<StateData> {
    return this.ask("state") as Promise<StateData>;
  }

  said(text: string | RegExp): JournalLine | undefined {
    return this.lines.find((line) => (typeof text === "string" ? line.msg.includes(text) : text.test(line.msg)));
  }

  hears(text: string | RegExp, timeoutMs?: number): Promise<JournalLine> {
    return until(`node ${this.id} says ${String(text)}`, () => this.said(text), timeoutMs);
  }

  kill(signal: NodeJS.Signals = "SIGKILL"): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(signal);
    return this.exited;
  }
}
