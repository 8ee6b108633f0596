/**
 * A hostile member on the simulated network: it has the key, speaks under its own id, and says well-formed things that aren't so. Each lie is a
 * message that a node sent, with some facts replaced: a number by another one, an id, a state or a hash by one that was said elsewhere.
 */
import { decodeBody, encodeMessage } from "../../../node/wire/codec.ts";
import { DATAGRAM_BYTES_MAX, OVERHEAD_BYTES, peekBody, sealDatagram } from "../../../node/wire/envelope.ts";
import { GROUP_TYPES, type Message, type MessageType, type Payload } from "../../../node/wire/message.ts";
import type { Draw } from "./draw.ts";
import { SIM_KEYS } from "./seal.ts";

/** The world as the liar uses it. */
export interface LiarReach {
  /** Slots at which a process listens, with the process. */
  readonly processes: () => readonly { readonly id: number; readonly bootId: string; readonly incarnation: number }[];
  /** `addressee` null: it is sealed for the group. */
  readonly send: (datagram: Uint8Array, to: number, addressee: number | null) => void;
  /** Called before a lie is sent. False: it isn't to be told. */
  readonly mayTell: (message: Message) => boolean;
}

/** Values of a field that are remembered. */
const SAID_MAX = 16;
/** A member answers before and after it lies: others don't listen to the dead. */
const LIES_AT_ONCE = 3;
const JUMP_EVERY = 50;

interface Place {
  readonly name: string;
  readonly value: unknown;
  readonly set: (value: unknown) => void;
}

export class Liar {
  readonly id: number;
  /** Lies that were sent. */
  told = 0;
  isSilent = false;
  private packets = 0;
  private readonly bootId: string;
  /** By the name of the field. */
  private readonly said = new Map<string, unknown[]>();
  private readonly draw: Draw;
  private readonly reach: LiarReach;
  private readonly chance: number;

  constructor(id: number, chance: number, draw: Draw, reach: LiarReach) {
    this.id = id;
    this.chance = chance;
    this.draw = draw;
    this.reach = reach;
    this.bootId = draw.hex64();
  }

  /** A datagram that some node sends. */
  hear(datagram: Uint8Array): void {
    if (this.isSilent || !this.draw.chance(this.chance)) return;
    for (const decoded of decodeBody(peekBody(datagram))) if (decoded.ok) this.lie(decoded.message);
  }

  /** A datagram for the liar. It answers like a live process. */
  receive(datagram: Uint8Array, from: number): void {
    for (const decoded of this.isSilent ? [] : decodeBody(peekBody(datagram))) {
      if (!decoded.ok || decoded.message.message_type !== "PING") continue;
      const { nonce } = decoded.message.payload;
      this.say(this.frame("PONG", { nonce, target: this.id, ok: true, rumours: [] }), from);
    }
  }

  private lie(truth: Message): void {
    const { draw } = this;
    const lie = { ...structuredClone(truth), sender_id: this.id, sender_priority: this.id };
    const places = placesIn(lie.payload);
    for (const place of places) this.remember(place);
    if (places.length === 0) return;
    for (let n = draw.integer(1, LIES_AT_ONCE); n > 0; n--) {
      const place = draw.pick(places);
      place.set(this.another(place));
    }
    const listeners = this.reach.processes();
    if (listeners.length > 0) this.say(lie as Message, draw.pick(listeners).id);
  }

  private say(message: Message, to: number): void {
    const process = this.reach.processes().find(({ id }) => id === to);
    const body = encodeMessage(message);
    const [checked] = decodeBody(body);
    if (process === undefined || body.length > DATAGRAM_BYTES_MAX - OVERHEAD_BYTES) return;
    if (checked?.ok !== true || !this.reach.mayTell(checked.message)) return;
    this.told += 1;
    // Now and then out of the sight of all replay windows.
    this.packets += this.told % JUMP_EVERY === 0 ? 2 ** 24 : 1;
    const header = { control: false, keyId: 0, sender: this.id, incarnation: 1, bootId: this.bootId };
    const receiver = GROUP_TYPES.has(message.message_type) ? null : { id: to, bootId: process.bootId };
    this.reach.send(
      sealDatagram({ ...header, packetSeq: this.packets }, body, SIM_KEYS, receiver),
      to,
      receiver?.id ?? null,
    );
  }

  private frame<T extends MessageType>(type: T, payload: Payload<T>): Message {
    const { id } = this;
    const head = { message_type: type, sender_id: id, sender_priority: id, vector_clock: null, timestamp: 0 };
    return { ...head, payload } as unknown as Message;
  }

  private remember({ name, value }: Place): void {
    const values = this.said.get(name) ?? [];
    this.said.set(name, values);
    if (values.length < SAID_MAX) values.push(value);
    else values[this.draw.integer(0, SAID_MAX - 1)] = value;
  }

  private another({ name, value }: Place): unknown {
    const { draw } = this;
    if (typeof value === "boolean") return !value;
    if (typeof value !== "number" || draw.chance(0.5)) return draw.pick(this.said.get(name) ?? [value]);
    return Math.max(0, value + draw.pick([-1, 1, 2, 300, 70_000]));
  }
}

/** Every value in the payload that isn't made of others, with the name of its field. */
function placesIn(value: unknown, name = "", set: (value: unknown) => void = () => {}): Place[] {
  if (value instanceof Map)
    return [...value].flatMap(([key, item]) => [
      { name: `${name} value`, value: item, set: (other: unknown) => void value.set(key, other) },
      {
        name: `${name} key`,
        value: key,
        set: (other: unknown) => {
          value.delete(key);
          value.set(other, item);
        },
      },
    ]);
  if (Array.isArray(value))
    return value.flatMap((item, index) =>
      placesIn(item, name, (other) => {
        value[index] = other;
      }),
    );
  if (typeof value === "object" && value !== null)
    return Object.entries(value).flatMap(([key, item]) =>
      placesIn(item, key, (other) => {
        (value as Record<string, unknown>)[key] = other;
      }),
    );
  return [{ name, value, set }];
}
