/**
 * How control requests and replies become datagrams and back: shared by the node, its `control` sub-command and the lab's client.
 *
 * Idea: the peers' envelope with the control flag, sealed with a key made from the control token instead of the cluster key. No
 * cryptography lives in this layer: its users hand in `node:crypto`. Both sides derive the key as
 *
 *   key = HKDF-SHA-256(ikm = token in UTF-8, salt = empty, info = "energy-lab/control", 32 bytes)     (RFC 5869)
 *   mac = bytes -> HMAC-SHA-256(key, bytes)                                                           (RFC 2104; cut to 16 bytes here)
 *
 * A request's header has sender 0, incarnation 0, a boot id that the client drew, and its own packet numbers. A reply's header is the
 * node's own. Results are cut into pages of pure ASCII, so that PAGE_CHARS characters never outgrow a datagram.
 */
import { parseJson } from "./codec.ts";
import { ControlReply, ControlRequest, type ControlResult, type ImpairmentRule, PAGE_CHARS } from "./control.ts";
import {
  type Authenticator,
  DATAGRAM_BYTES_MAX,
  type DropReason,
  type Header,
  OVERHEAD_BYTES,
  openDatagram,
  sealDatagram,
  TAG_BYTES,
} from "./envelope.ts";
import { AMOUNT_MAX } from "./ids.ts";

/** HKDF's `info` for the control key. */
const CONTROL_KEY_INFO = "energy-lab/control";

/** The public token of a node that was given none: it proves nothing, so such a node obeys its own host only. */
const CONTROL_TOKEN_OPEN = "energy-lab-open";

/** The part of `node:crypto` that the control channel needs. */
export interface ControlCrypto<Key> {
  readonly hkdfSync: (digest: "sha256", token: string, salt: "", info: string, bytes: 32) => ArrayBuffer;
  readonly createSecretKey: (key: Uint8Array) => Key;
  readonly createHmac: (digest: "sha256", key: Key) => { update(bytes: Uint8Array): { digest(): Uint8Array } };
}

/** The sealing party: the header's fields that differ between requests and replies. */
export type ControlSeal = Omit<Header, "control" | "keyId">;

export type OpenedRequest =
  | { ok: true; header: Header; request: ControlRequest }
  /** Authentic but not a request that we know: answerable, since its id could be read. */
  | {
      ok: false;
      reason: "bad_request";
      header: Header;
      requestId: string;
      code: "BAD_REQUEST" | "UNKNOWN_COMMAND";
      message: string;
    }
  | { ok: false; reason: DropReason };

export type OpenedReply = { ok: true; header: Header; reply: ControlReply } | { ok: false; reason: DropReason };

const encoder = new TextEncoder();

/**
 * The key of the control channel, made from its token; without a token it is the public one. The comparison takes the same time for
 * every tag.
 */
export function controlAuthenticator<Key>(token: string | null, crypto: ControlCrypto<Key>): Authenticator {
  // As an object: node:crypto would make a plain buffer into one again for every datagram.
  const key = crypto.createSecretKey(
    new Uint8Array(crypto.hkdfSync("sha256", token ?? CONTROL_TOKEN_OPEN, "", CONTROL_KEY_INFO, 32)),
  );
  const mac = (bytes: Uint8Array): Uint8Array => crypto.createHmac("sha256", key).update(bytes).digest();
  return {
    tag: (_header, bytes) => mac(bytes).subarray(0, TAG_BYTES),
    verify: (_header, bytes, _pseudo, tag) => {
      const right = mac(bytes);
      let difference = 0;
      for (let i = 0; i < TAG_BYTES; i++) difference |= (right[i] ?? 0) ^ (tag[i] ?? 0);
      return difference === 0 ? "ok" : "bad_tag";
    },
  };
}

/** Throws RangeError when the request doesn't fit a datagram: see `splitRules`. */
export function sealControlRequest(
  request: ControlRequest,
  seal: ControlSeal,
  authenticator: Authenticator,
): Uint8Array {
  return sealControl(request, seal, authenticator);
}

export function sealControlReply(reply: ControlReply, seal: ControlSeal, authenticator: Authenticator): Uint8Array {
  return sealControl(reply, seal, authenticator);
}

/** Never throws. Use only on datagrams whose header has the control flag. */
export function openControlRequest(datagram: Uint8Array, authenticator: Authenticator): OpenedRequest {
  const opened = openControl(datagram, authenticator);
  if (!opened.ok) return opened;
  const parsed = ControlRequest.safeParse(opened.json);
  if (parsed.success) return { ok: true, header: opened.header, request: parsed.data };
  const requestId = (opened.json as { request_id?: unknown } | null)?.request_id;
  if (typeof requestId !== "string" || requestId.length === 0 || requestId.length > 48)
    return { ok: false, reason: "schema" };
  return {
    ok: false,
    reason: "bad_request",
    header: opened.header,
    requestId,
    code: parsed.error.issues[0]?.path[0] === "op" ? "UNKNOWN_COMMAND" : "BAD_REQUEST",
    message: describeBadRequest(opened.json, parsed.error.issues),
  };
}

/** Never throws. */
export function openControlReply(datagram: Uint8Array, authenticator: Authenticator): OpenedReply {
  const opened = openControl(datagram, authenticator);
  if (!opened.ok) return opened;
  const parsed = ControlReply.safeParse(opened.json);
  return parsed.success ? { ok: true, header: opened.header, reply: parsed.data } : { ok: false, reason: "schema" };
}

/** The JSON text of a result, cut into pages (at least one). ASCII only: a page's size in bytes is then at most twice its length. */
export function cutPages(result: ControlResult): string[] {
  const text = JSON.stringify(result).replace(
    /[^\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  const pages: string[] = [];
  for (let at = 0; at < text.length; at += PAGE_CHARS) pages.push(text.slice(at, at + PAGE_CHARS));
  return pages;
}

/** The result that the pages make up, or null when they aren't one. */
export function joinPages(pages: readonly string[]): ControlResult | null {
  try {
    const value: unknown = JSON.parse(pages.join(""));
    return typeof value === "object" && value !== null && typeof (value as { ok?: unknown }).ok === "boolean"
      ? (value as ControlResult)
      : null;
  } catch {
    return null;
  }
}

/** The rules in groups that each fit one `impair` request (its `part` of `parts`); one empty group when there are none. */
export function splitRules(rules: readonly ImpairmentRule[]): ImpairmentRule[][] {
  const bytesMax = DATAGRAM_BYTES_MAX - OVERHEAD_BYTES - 200;
  const groups: ImpairmentRule[][] = [[]];
  let bytes = 0;
  for (const rule of rules) {
    const size = encoder.encode(JSON.stringify(rule)).length + 1;
    if (bytes + size > bytesMax && bytes > 0) {
      groups.push([]);
      bytes = 0;
    }
    groups.at(-1)?.push(rule);
    bytes += size;
  }
  return groups;
}

function sealControl(value: unknown, seal: ControlSeal, authenticator: Authenticator): Uint8Array {
  const body = encoder.encode(JSON.stringify(value));
  if (body.length + OVERHEAD_BYTES > DATAGRAM_BYTES_MAX)
    throw new RangeError(`control datagram of ${body.length + OVERHEAD_BYTES} B`);
  return sealDatagram({ ...seal, control: true, keyId: 0 }, body, authenticator);
}

function openControl(
  datagram: Uint8Array,
  authenticator: Authenticator,
): { ok: true; header: Header; json: unknown } | { ok: false; reason: DropReason } {
  const opened = openDatagram(datagram, authenticator, null);
  if (!opened.ok) return { ok: false, reason: opened.reason };
  const json = parseJson(opened.body);
  return json === undefined ? { ok: false, reason: "not_json" } : { ok: true, header: opened.header, json };
}

interface Issue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** Names the field and its allowed values, for the person who typed it. */
function describeBadRequest(json: unknown, issues: readonly Issue[]): string {
  const issue = issues[0];
  const field = issue?.path.map(String).join(".") ?? "";
  const request = json as Record<string, unknown>;
  if (field === "op" || field === "") return `op: unknown command ${JSON.stringify(request.op ?? null).slice(0, 40)}`;
  if (field === "amount")
    return `amount: must be a whole number of credits from 1 to ${AMOUNT_MAX}, not ${show(request.amount)}`;
  if (field === "peer") return `peer: must be a node number from 1 to 65535, not ${show(request.peer)}`;
  return `${field}: ${issue?.message ?? "invalid"}`.slice(0, 200);
}

function show(value: unknown): string {
  return value === undefined ? "nothing" : JSON.stringify(value).slice(0, 40);
}
