/**
 * The keys between peers: HMAC-SHA-256 cut to 128 bits (RFC 2104, RFC 4868) under a key of its own for every boot of every node,
 * derived with HKDF (RFC 5869) from a cluster key.
 *
 * Idea: keys change while the nodes run. All keys verify, the first one seals. Add a key everywhere, then make it first
 * everywhere, then remove the old one (memberlist's keyring). Per-boot keys make a packet number of one boot worthless in another,
 * even when a wiped disk repeats an incarnation. Derived keys are kept only once a datagram verified under them: random boot ids
 * must not be able to grow the cache.
 */
import { hash, hkdfSync, timingSafeEqual } from "node:crypto";
import { type Authenticator, type Header, TAG_BYTES } from "../wire/envelope.ts";
import { MEMBERS_MAX } from "../wire/ids.ts";
import { ConfigError } from "./errors.ts";

export interface ClusterKey {
  /** 1 to 255 in the envelope; 0 is the public development key. */
  readonly id: number;
  readonly secret: Uint8Array;
}

const LABEL = "energy-lab/peer";
const DERIVED_KEYS_MAX = 2 * MEMBERS_MAX;

/** Without DS_KEYS: everybody has this key, so it protects against accidents only (`auth: open`). */
export const OPEN_KEYS: readonly ClusterKey[] = [
  { id: 0, secret: new TextEncoder().encode("energy-lab public development key") },
];

/** `2:base64,1:base64` (or one a line). Throws ConfigError without repeating the secrets. */
export function parseKeys(source: string, text: string): readonly ClusterKey[] {
  const hint = "allowed: id:base64 pairs, id from 1 to 255, 16 to 64 bytes each, the sending key first";
  const keys: ClusterKey[] = [];
  for (const part of text.split(/[\s,]+/).filter((item) => item !== "")) {
    const [, idText = "", base64 = ""] = /^(\d{1,3}):([A-Za-z0-9+/]+={0,2})$/.exec(part) ?? [];
    const secret = Buffer.from(base64, "base64");
    const id = Number(idText);
    const where = `${source}: key number ${keys.length + 1}`;
    if (idText === "" || id < 1 || id > 255) throw new ConfigError(`${where} isn't id:base64`, hint);
    if (secret.length < 16 || secret.length > 64) throw new ConfigError(`${where} has ${secret.length} bytes`, hint);
    if (keys.some((key) => key.id === id)) throw new ConfigError(`${where} repeats the id ${id}`, hint);
    keys.push({ id, secret });
  }
  if (keys.length === 0) throw new ConfigError(`${source} holds no key`, hint);
  return keys;
}

export interface Keyring extends Authenticator {
  /** The key id that new datagrams are sealed with. */
  readonly primaryKeyId: number;
  /** All ids that open a datagram, the one that seals first. */
  readonly keyIds: readonly number[];
  /** `open`: the public development key. */
  readonly auth: "open" | "keyed";
  /** Takes effect with the next datagram. */
  replaceKeys(keys: readonly ClusterKey[]): void;
  /** Derived keys in the cache; for tests and state. */
  readonly derivedCount: number;
}

export function createKeyring(initial: readonly ClusterKey[]): Keyring {
  let keys = initial;
  /** Least recently used first. */
  const derived = new Map<string, MacKey>();

  const lookUp = (header: Header): { name: string; key: MacKey; cached: boolean } | null => {
    const name = `${header.keyId}/${header.sender}/${header.bootId}`;
    const known = derived.get(name);
    if (known !== undefined) return { name, key: known, cached: true };
    const clusterKey = keys.find((candidate) => candidate.id === header.keyId);
    return clusterKey === undefined ? null : { name, key: derive(clusterKey, header), cached: false };
  };
  const remember = (name: string, key: MacKey): void => {
    derived.delete(name);
    derived.set(name, key);
    if (derived.size <= DERIVED_KEYS_MAX) return;
    const oldest = derived.keys().next().value;
    if (oldest !== undefined) derived.delete(oldest);
  };

  return {
    get primaryKeyId() {
      return keys[0]?.id ?? 0;
    },
    get keyIds() {
      return keys.map((key) => key.id);
    },
    get auth() {
      return keys === OPEN_KEYS ? "open" : "keyed";
    },
    get derivedCount() {
      return derived.size;
    },
    replaceKeys(next) {
      keys = next;
      derived.clear();
    },
    tag(header, bytes, pseudo) {
      const found = lookUp(header);
      if (found === null) return null;
      if (!found.cached) remember(found.name, found.key);
      // The caller may keep it.
      return Uint8Array.from(sign(found.key, bytes, pseudo));
    },
    verify(header, bytes, pseudo, tag) {
      const found = lookUp(header);
      if (found === null) return "unknown_key";
      if (!timingSafeEqual(sign(found.key, bytes, pseudo), tag)) return "bad_tag";
      if (!found.cached) remember(found.name, found.key);
      return "ok";
    },
  };
}

/** A key's two blocks, and behind the outer one room for the inner hash (RFC 2104, section 2). */
interface MacKey {
  readonly inner: Buffer;
  readonly outer: Buffer;
}

const BLOCK_BYTES = 64;
const HASH_BYTES = 32;

function derive(key: ClusterKey, header: Header): MacKey {
  const info = `${LABEL}|${header.sender}|${header.bootId}`;
  const derived = Buffer.from(hkdfSync("sha256", key.secret, "", info, HASH_BYTES));
  const block = (pad: number, bytes: number) =>
    Buffer.alloc(bytes, pad).map((byte, i) => byte ^ (derived[i] ?? 0)) as Buffer;
  return { inner: block(0x36, BLOCK_BYTES), outer: block(0x5c, BLOCK_BYTES + HASH_BYTES) };
}

let scratch = Buffer.alloc(2_048);
const result = Buffer.alloc(HASH_BYTES);
const tagOfResult = result.subarray(0, TAG_BYTES);

/**
 * HMAC-SHA-256, cut; valid until the next call. By two hashes in one go each: `createHmac` takes twice as long for a datagram, most of it
 * for making its objects.
 */
function sign({ inner, outer }: MacKey, bytes: Uint8Array, pseudo: Uint8Array): Buffer {
  const length = BLOCK_BYTES + bytes.length + pseudo.length;
  if (scratch.length < length) scratch = Buffer.alloc(length);
  scratch.set(inner);
  scratch.set(bytes, BLOCK_BYTES);
  scratch.set(pseudo, BLOCK_BYTES + bytes.length);
  outer.write(hash("sha256", scratch.subarray(0, length), "binary"), BLOCK_BYTES, "binary");
  result.write(hash("sha256", outer, "binary"), "binary");
  return tagOfResult;
}
