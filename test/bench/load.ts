/**
 * A closed loop of trades: so many requests of each peer are under way all the time, from one socket of this process.
 *
 * It is as light as a client of the control channel can be, for its share of the processor is taken from the peers: a request is sealed
 * once, repeated as it is when no answer comes, and an answer is verified but not checked against a schema.
 */
import crypto from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { controlAuthenticator, sealControlRequest } from "../../node/wire/control-frame.ts";
import { type Authenticator, openDatagram } from "../../node/wire/envelope.ts";

export interface Target {
  readonly id: number;
  readonly host: string;
  readonly port: number;
  readonly inc: number;
}

export interface Loaded {
  /** Milliseconds of each trade that was settled. */
  readonly latencies: number[];
  readonly tookMs: number;
  readonly refused: number;
  readonly why: string;
  /** Of this process, in processor seconds. */
  readonly ownCpuSeconds: number;
}

interface UnderWay {
  readonly datagram: Uint8Array;
  readonly to: Target;
  sentAtMs: number;
  readonly done: (body: string) => void;
}

const REPEAT_MS = 400;

export class Load implements Disposable {
  readonly #targets: readonly Target[];
  readonly #authenticator: Authenticator;
  readonly #socket: Socket;
  readonly #bootId = crypto.randomBytes(8).toString("hex");
  readonly #underWay = new Map<string, UnderWay>();
  readonly #repeater: NodeJS.Timeout;
  #packetSeq = 0;
  #turn = 0;

  static async open(targets: readonly Target[], token: string | null): Promise<Load> {
    const socket = createSocket({
      type: "udp4",
      recvBufferSize: 4 * 2 ** 20,
      lookup: (ip, _, done) => done(null, ip, 4),
    });
    await new Promise<void>((resolve) => socket.bind(0, resolve));
    return new Load(targets, token, socket);
  }

  private constructor(targets: readonly Target[], token: string | null, socket: Socket) {
    this.#targets = targets;
    this.#authenticator = controlAuthenticator(token, crypto);
    this.#socket = socket;
    socket.on("message", (datagram) => this.#receive(datagram));
    this.#repeater = setInterval(() => this.#repeat(), REPEAT_MS / 4);
  }

  async oneByOne(count: number): Promise<number[]> {
    const latencies: number[] = [];
    for (let i = 0; i < count; i++) latencies.push(await this.#sell(this.#targets[i % this.#targets.length] as Target));
    return latencies;
  }

  async run(spanMs: number, underWay: number): Promise<Loaded> {
    const latencies: number[] = [];
    const startMs = performance.now();
    const before = process.cpuUsage();
    let refused = 0;
    let why = "";
    const work = async (from: Target): Promise<void> => {
      while (performance.now() - startMs < spanMs) {
        try {
          latencies.push(await this.#sell(from));
        } catch (error) {
          refused += 1;
          why = (error as Error).message;
        }
      }
    };
    await Promise.all(this.#targets.flatMap((from) => Array.from({ length: underWay }, () => work(from))));
    const { user, system } = process.cpuUsage(before);
    return { latencies, tookMs: performance.now() - startMs, refused, why, ownCpuSeconds: (user + system) / 1e6 };
  }

  [Symbol.dispose](): void {
    clearInterval(this.#repeater);
    this.#socket.close();
  }

  async #sell(from: Target): Promise<number> {
    const others = this.#targets.length - 1;
    const at = this.#targets.indexOf(from);
    const peer = this.#targets[(at + 1 + (this.#turn++ % others)) % this.#targets.length] as Target;
    const startMs = performance.now();
    this.#packetSeq += 1;
    const id = `${this.#bootId}-${this.#packetSeq}`;
    const request = { op: "sell", request_id: id, peer: peer.id, amount: 1, inc: from.inc, until: "settled" } as const;
    const seal = { sender: 0, incarnation: 0, bootId: this.#bootId, packetSeq: this.#packetSeq };
    const datagram = sealControlRequest(request, seal, this.#authenticator);
    const { promise, resolve } = Promise.withResolvers<string>();
    this.#underWay.set(id, { datagram, to: from, sentAtMs: startMs, done: resolve });
    this.#socket.send(datagram, from.port, from.host);
    const result = JSON.parse(await promise) as { ok: boolean; message?: string };
    if (!result.ok) throw new Error(result.message);
    return performance.now() - startMs;
  }

  #receive(datagram: Uint8Array): void {
    const opened = openDatagram(datagram, this.#authenticator, null);
    if (!opened.ok) return;
    const reply = JSON.parse(Buffer.from(opened.body).toString()) as {
      request_id: string;
      final: boolean;
      body: string;
    };
    if (!reply.final) return;
    this.#underWay.get(reply.request_id)?.done(reply.body);
    this.#underWay.delete(reply.request_id);
  }

  #repeat(): void {
    const nowMs = performance.now();
    for (const one of this.#underWay.values()) {
      if (nowMs - one.sentAtMs < REPEAT_MS) continue;
      one.sentAtMs = nowMs;
      this.#socket.send(one.datagram, one.to.port, one.to.host);
    }
  }
}
