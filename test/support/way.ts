/**
 * The network between real nodes that have no multicast, in the hands of an attacker: each node knows each other one by a port of the attacker,
 * which passes on what it gets. It hears every datagram, can cut a node off, and can send any bytes from any node's address, as a raw socket
 * could on an Ethernet; a raw socket needs privileges, and this doesn't.
 */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { decodeBody } from "../../node/wire/codec.ts";
import { peekBody } from "../../node/wire/envelope.ts";
import type { Message } from "../../node/wire/message.ts";
import type { TestLab } from "./node-process.ts";

const HOST = "127.0.0.1";

export interface Copy {
  readonly from: number;
  readonly to: number;
  readonly datagram: Uint8Array;
}

/** Bodies aren't encrypted: anybody can read them. */
export function messagesIn(datagram: Uint8Array): Message[] {
  return decodeBody(peekBody(datagram)).flatMap((decoded) => (decoded.ok ? [decoded.message] : []));
}

export class Way implements AsyncDisposable {
  /** Datagrams that came to the attacker's own address. */
  readonly received: Uint8Array[] = [];
  /** Sees each datagram before it is passed on. */
  onHeard: (copy: Copy) => void = () => {};
  readonly cutOff = new Set<number>();
  readonly #lab: TestLab;
  readonly #own: Socket;
  /** `from>to`: where node `from` finds node `to`. */
  readonly #doors = new Map<string, Socket>();

  private constructor(lab: TestLab, own: Socket) {
    this.#lab = lab;
    this.#own = own;
    own.on("message", (datagram) => this.received.push(datagram));
  }

  static async open(lab: TestLab, ids: readonly number[]): Promise<Way> {
    const way = new Way(lab, await bound());
    for (const from of ids) for (const to of ids) if (from !== to) await way.#openDoor(from, to);
    return way;
  }

  async #openDoor(from: number, to: number): Promise<void> {
    const door = await bound();
    this.#doors.set(`${from}>${to}`, door);
    door.on("message", (datagram, { port }) => {
      // Others learn of this port by hearsay. It is this one's way alone.
      if (port !== this.#lab.port(from)) return;
      this.onHeard({ from, to, datagram });
      if (!this.cutOff.has(from) && !this.cutOff.has(to)) this.sendAs(from, to, datagram);
    });
  }

  /** The value of DS_PEERS for a node. */
  peersOf(id: number): string {
    return [...this.#doors.keys()]
      .map((pair) => pair.split(">").map(Number))
      .filter(([from]) => from === id)
      .map(([, to = 0]) => `${to}:${this.addressOf(to, id)}`)
      .join(",");
  }

  /** Where node `by` finds node `of`. */
  addressOf(of: number, by: number): string {
    return `${HOST}:${this.#door(by, of).address().port}`;
  }

  /** To node `to`, from where it finds node `from`. */
  sendAs(from: number, to: number, datagram: Uint8Array): void {
    this.#door(to, from).send(datagram, this.#lab.port(to), HOST);
  }

  /** From an address of the attacker's own. */
  send(to: number, datagram: Uint8Array): void {
    this.#own.send(datagram, this.#lab.port(to), HOST);
  }

  #door(from: number, to: number): Socket {
    const door = this.#doors.get(`${from}>${to}`);
    if (door === undefined) throw new Error(`no way from ${from} to ${to}`);
    return door;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      [this.#own, ...this.#doors.values()].map((socket) => {
        socket.close();
        return once(socket, "close");
      }),
    );
  }
}

async function bound(): Promise<Socket> {
  const socket = createSocket("udp4");
  socket.bind(0, HOST);
  await once(socket, "listening");
  return socket;
}
