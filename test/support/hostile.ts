// Attackers of real nodes: a stranger (no key) and a hostile member (it has the cluster key and sends anything). Both speak through the
// product's own wire codec and sockets of their own; what they send is made by hand.

import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { createLedger } from "../../node/core/ledger/ledger.ts";
import { createKeyring, type Keyring, parseKeys } from "../../node/runtime/keyring.ts";
import { decodeBody, encodeMessage } from "../../node/wire/codec.ts";
import { type Header, openDatagram, type Recipient, sealDatagram } from "../../node/wire/envelope.ts";
import {
  type Genesis,
  GROUP_TYPES,
  type Message,
  type MessageType,
  type Payload,
  type TradeRecord,
} from "../../node/wire/message.ts";
import { CALM_BEAT } from "./calm-beat.ts";
import { until } from "./eventually.ts";

const HOST = "127.0.0.1";

/** A random key in `DS_KEYS` form. */
export function randomKeys(id = 1): string {
  return `${id}:${randomBytes(32).toString("base64")}`;
}

export class Attacker implements AsyncDisposable {
  readonly id: number;
  readonly keyring: Keyring;
  readonly bootId = randomBytes(8).toString("hex");
  readonly received: Message[] = [];
  /** Processes that have written to it, by port: a datagram for one of them must name it. */
  readonly met = new Map<number, Recipient & { readonly incarnation: number }>();
  readonly #socket: Socket;
  #packetSeq = 0;

  private constructor(id: number, keys: string, socket: Socket) {
    this.id = id;
    this.keyring = createKeyring(parseKeys("the attacker's keys", keys));
    this.#socket = socket;
    socket.on("message", (datagram, from) => this.#onDatagram(datagram, from.port));
  }

  /** With the cluster's keys it is a member, with others a stranger. */
  static async open(id: number, keys: string): Promise<Attacker> {
    const socket = createSocket("udp4");
    socket.bind(0, HOST);
    await once(socket, "listening");
    return new Attacker(id, keys, socket);
  }

  get address(): string {
    return `${HOST}:${this.#socket.address().port}`;
  }

  header(change: Partial<Header> = {}): Header {
    this.#packetSeq += 1;
    return {
      control: false,
      keyId: this.keyring.primaryKeyId,
      sender: this.id,
      incarnation: 1,
      bootId: this.bootId,
      packetSeq: this.#packetSeq,
      ...change,
    };
  }

  message<T extends MessageType>(type: T, payload: Payload<T>, vector: TradeRecord["deps"] | null = null): Message {
    return {
      message_type: type,
      sender_id: this.id,
      sender_priority: this.id,
      vector_clock: vector,
      payload,
      timestamp: Date.now(),
    } as unknown as Message;
  }

  seal(message: Message | string, header: Partial<Header> = {}, to: Recipient | null = null): Uint8Array {
    const body = typeof message === "string" ? new TextEncoder().encode(message) : encodeMessage(message);
    return sealDatagram(this.header(header), body, this.keyring, to);
  }

  /** Gets to know the process of node `id` that listens there. */
  async meet(port: number, id: number): Promise<void> {
    const ping = this.message("PING", { nonce: randomBytes(8).toString("hex"), rumours: [] });
    await until(`node ${id} answers a PING`, () => {
      this.raw(port, this.seal(ping, {}, { id, bootId: null }));
      return this.met.has(port);
    });
  }

  raw(port: number, datagram: Uint8Array): void {
    this.#socket.send(datagram, port, HOST);
  }

  send<T extends MessageType>(port: number, type: T, payload: Payload<T>): void {
    this.raw(port, this.seal(this.message(type, payload), {}, this.recipient(port, type)));
  }

  /** Whom a message must be sealed for to be taken there. */
  recipient(port: number, type: MessageType): Recipient | null {
    return GROUP_TYPES.has(type) ? null : (this.met.get(port) ?? null);
  }

  /** A heartbeat of an unsuspicious member, but for `change`. */
  beat(port: number, change: Partial<Payload<"HEARTBEAT">> = {}): void {
    this.send(port, "HEARTBEAT", { ...CALM_BEAT, ...change });
  }

  chunk(port: number, items: Partial<Payload<"STATE_CHUNK">>): void {
    this.send(port, "STATE_CHUNK", {
      index: 0,
      next: null,
      last: true,
      members: [],
      accounts: [],
      records: [],
      ...items,
    });
  }

  /** An account of its own; `firstDebit` is the first debit of it, in any number of versions. */
  readonly #genesis: Omit<Genesis, "id"> = { epoch: 1, nonce: randomBytes(8).toString("hex"), initial: 100 };

  ownGenesis(): Genesis {
    return { id: this.id, ...this.#genesis };
  }

  firstDebit(buyer: number, amount: number): TradeRecord {
    const accounts = [this.ownGenesis()];
    const ledger = createLedger({ term: 0, votedFor: null, accounts, records: [], intents: [] });
    return {
      trade_id: `${this.id}-${buyer}-1.1`,
      buyer_id: buyer,
      seller_id: this.id,
      amount,
      seq: 1,
      deps: new Map([[this.id, 1]]),
      prev_hash: ledger.accounts.get(this.id)?.lastHash ?? "",
    };
  }

  /** A live process to the others: it answers their probes. */
  #onDatagram(datagram: Uint8Array, port: number): void {
    const opened = openDatagram(datagram, this.keyring, { id: this.id, bootId: this.bootId });
    if (!opened.ok) return;
    const { sender, bootId, incarnation } = opened.header;
    this.met.set(port, { id: sender, bootId, incarnation });
    for (const decoded of decodeBody(opened.body)) {
      if (!decoded.ok) continue;
      this.received.push(decoded.message);
      if (decoded.message.message_type === "PING")
        this.send(port, "PONG", { nonce: decoded.message.payload.nonce, target: this.id, ok: true, rumours: [] });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    await once(this.#socket, "close");
  }
}

/** The datagrams of a flood: noise; envelopes under ever new boot ids with false tags; copies of one authentic datagram. */
export type FloodKind = "garbage" | "forged" | "replayed";

/** A process of its own that sends to `port` as fast as told; resolves, when it has ended, to what it got out. */
export function flood(options: {
  port: number;
  kind: FloodKind;
  perSecond: number;
  spanMs: number;
  sample: Uint8Array;
}): { readonly done: Promise<{ sent: number; perSecond: number }>; stop(): void } {
  const child: ChildProcess = spawn(
    process.execPath,
    ["-e", FLOODER, JSON.stringify({ ...options, sample: Buffer.from(options.sample).toString("hex") })],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  let text = "";
  child.stdout?.on("data", (data: Buffer) => {
    text += data.toString();
  });
  // Nothing was said by one that was stopped.
  const done = once(child, "close").then(() => JSON.parse(text || "{}") as { sent: number; perSecond: number });
  return { done, stop: () => void child.kill("SIGKILL") };
}

const FLOODER = `
const { port, kind, perSecond, spanMs, sample } = JSON.parse(process.argv[1]);
const { createSocket } = require("node:dgram");
const { randomFillSync } = require("node:crypto");
const bytes = Buffer.from(sample, "hex");
const socket = createSocket({ type: "udp4", lookup: (host, options, done) => done(null, host, 4) });
const start = performance.now();
let sent = 0;
let open = 0;
function make() {
  const copy = Buffer.from(bytes);
  if (kind === "garbage") randomFillSync(copy);
  if (kind === "forged") randomFillSync(copy, 12, 8);
  return copy;
}
function turn() {
  const spentMs = performance.now() - start;
  if (spentMs > spanMs) {
    socket.close();
    console.log(JSON.stringify({ sent, perSecond: Math.round(sent / spentMs * 1000) }));
    return;
  }
  const due = Math.floor(spentMs * perSecond / 1000);
  for (let i = 0; i < 500 && sent < due && open < 2000; i++) {
    open += 1;
    sent += 1;
    socket.send(make(), port, "127.0.0.1", () => { open -= 1; });
  }
  setImmediate(turn);
}
socket.bind(0, "127.0.0.1", turn);
`;
