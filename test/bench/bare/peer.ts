/**
 * The bare peer: the least that a process must do to make the same trade with the same datagrams, so it is the floor of a node's cost.
 *
 * It sends what a node sends (JSON in the envelope's 42 bytes, HMAC-SHA-256, bundles of one turn, multicast and a copy for the payee),
 * and stores what a node stores, in the same batches. It has no protocol: no checks, clocks, hashes, timers, detector or journal. A datagram
 * is lost for ever unless the client asks again. test/integration/bare-peer.test.ts holds its counts against a node's.
 * SIGTERM ends it; its last line is its counts. Without its parent, whose pipe is its stdin, it ends too.
 *
 *   node peer.ts ID PEERS PORT_BASE TOKEN_KEY DATABASE     PORT_BASE + ID: its socket; PORT_BASE: the group's; DATABASE may be ""
 */
import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from "node:crypto";
import { createSocket } from "node:dgram";
import { DatabaseSync } from "node:sqlite";

type Fields = Record<string, unknown>;
interface Trade {
  readonly id: string;
  readonly client: number;
  readonly request: string;
  readonly payee: number;
  /** Sends its record; null before it has one. */
  confirm: (() => void) | null;
  reply: Buffer | null;
}

const [self = 0, peers = 0, portBase = 0] = process.argv.slice(2, 5).map(Number);
const [tokenKey = "", file = ""] = process.argv.slice(5);
const GROUP = "224.1.1.1";
const [HEADER, TAG, DATAGRAM_MAX, ROWS_PER_COMMIT] = [26, 16, 1200, 64];
const clientKey = createSecretKey(Buffer.from(tokenKey, "hex"));
const keys = Array.from({ length: peers + 1 }, (_, id) => createSecretKey(Buffer.alloc(32, id + 1)));
const pseudo = Buffer.alloc(10);
const counts = { datagrams: 0, bytes: 0, commits: 0 };

process.stdin.resume().once("close", () => process.exit());
process.once("SIGTERM", () => {
  const { user, system } = process.cpuUsage();
  process.stdout.write(`${JSON.stringify({ ...counts, cpuSeconds: (user + system) / 1e6 })}\n`);
  process.exit();
});

const trades = new Map<string, Trade>();
const bySeq = new Map<number, Trade>();
/** What this peer has of each account: applied, and on disk. */
const applied = new Map<number, number>();
const durable = new Map<number, number>();

const options = { type: "udp4", reuseAddr: true, recvBufferSize: 4 * 2 ** 20, lookup: answerIp } as const;
const unicast = createSocket({ ...options, reuseAddr: false }, (datagram, from) => receive(datagram, from.port));
const group = createSocket(options, (datagram, from) => receive(datagram, from.port));
group.bind(portBase, GROUP, () => group.addMembership(GROUP, "127.0.0.1"));
unicast.bind(portBase + self, "127.0.0.1", () => {
  unicast.setMulticastInterface("127.0.0.1");
  process.stdout.write("ready\n");
});

function answerIp(ip: string, _: unknown, done: (error: null, ip: string, family: number) => void): void {
  done(null, ip, 4);
}

/** @param sender 0: the client */
function sign(sender: number, bytes: Buffer): Buffer {
  const key = (sender === 0 ? clientKey : keys[sender]) as KeyObject;
  const hmac = createHmac("sha256", key).update(bytes);
  return (sender === 0 ? hmac : hmac.update(pseudo)).digest().subarray(0, TAG);
}

function seal(body: string, isControl: boolean): Buffer {
  const datagram = Buffer.alloc(HEADER + Buffer.byteLength(body) + TAG);
  datagram.write("ET\x02", 0, "latin1");
  datagram[3] = isControl ? 2 : 0;
  datagram.writeUInt16BE(self, 6);
  datagram.write(body, HEADER);
  const signed = datagram.subarray(0, datagram.length - TAG);
  datagram.set(sign(isControl ? 0 : self, signed), signed.length);
  return datagram;
}

function receive(datagram: Buffer, port: number): void {
  const sender = datagram.readUInt16BE(6);
  const isControl = datagram[3] === 2;
  if (sender === self) return;
  const signed = datagram.subarray(0, datagram.length - TAG);
  if (!timingSafeEqual(sign(isControl ? 0 : sender, signed), datagram.subarray(signed.length))) return;
  const body = JSON.parse(signed.toString("utf8", HEADER));
  if (isControl) onClient(body, port);
  else for (const message of Array.isArray(body) ? body : [body]) onMessage(message, sender);
}

const bundles = new Map<number, string[]>();

/** @param to 0: the group */
function send(to: number, message_type: string, payload: Fields, vector_clock: unknown = null): void {
  const frame = { message_type, sender_id: self, sender_priority: self, vector_clock, payload, timestamp: Date.now() };
  const text = JSON.stringify(frame);
  const open = bundles.get(to);
  if (open === undefined) {
    if (bundles.size === 0) setImmediate(flushBundles);
    bundles.set(to, [text]);
  } else if (open.reduce((sum, one) => sum + one.length + 1, 1) + text.length + 1 > DATAGRAM_MAX - HEADER - TAG) {
    sendBundle(to, open);
    bundles.set(to, [text]);
  } else open.push(text);
}

function flushBundles(): void {
  for (const [to, texts] of bundles) sendBundle(to, texts);
  bundles.clear();
}

function sendBundle(to: number, texts: string[]): void {
  const datagram = seal(texts.length === 1 ? (texts[0] as string) : `[${texts.join(",")}]`, false);
  counts.datagrams += 1;
  counts.bytes += datagram.length;
  if (to === 0) unicast.send(datagram, portBase, GROUP);
  else unicast.send(datagram, portBase + to, "127.0.0.1");
}

const database = file === "" ? null : new DatabaseSync(file);
database?.exec(
  `PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
   CREATE TABLE records (position INTEGER PRIMARY KEY, origin INTEGER, seq INTEGER, record TEXT, UNIQUE (origin, seq)) STRICT`,
);
const insert = database?.prepare("INSERT INTO records (origin, seq, record) VALUES (?, ?, ?)");
const queue: { readonly record: Fields; readonly stored: () => void }[] = [];

function store(record: Fields, stored: () => void): void {
  applied.set(Number(record.seller_id), Number(record.seq));
  queue.push({ record, stored });
  if (queue.length === 1) setImmediate(commit);
}

function commit(): void {
  const batch = queue.splice(0, ROWS_PER_COMMIT);
  database?.exec("BEGIN IMMEDIATE");
  for (const { record } of batch) insert?.run(Number(record.seller_id), Number(record.seq), JSON.stringify(record));
  database?.exec("COMMIT");
  counts.commits += 1;
  if (queue.length > 0) setImmediate(commit);
  for (const { record, stored } of batch) {
    durable.set(Number(record.seller_id), Number(record.seq));
    stored();
  }
}

function onClient(body: Fields, client: number): void {
  const request = String(body.request_id);
  const known = trades.get(request);
  const payee = Number(body.peer);
  const id = `${self}-${payee}-1.${trades.size + 1}`;
  const trade = known ?? { id, client, request, payee, confirm: null, reply: null };
  trades.set(request, trade);
  if (known === undefined) trades.set(trade.id, trade);
  if (trade.reply !== null) unicast.send(trade.reply, client, "127.0.0.1");
  else send(payee, "TRADE_REQUEST", { target_id: payee, amount: 1, trade_type: "sell", trade_id: trade.id, to_inc: 1 });
}

function onMessage({ message_type, payload }: { message_type: string; payload: Fields }, from: number): void {
  if (message_type === "TRADE_REQUEST") send(from, "TRADE_RESPONSE", { trade_id: payload.trade_id, accepted: true });
  else if (message_type === "TRADE_RESPONSE") onAccepted(trades.get(String(payload.trade_id)) as Trade);
  else if (message_type === "TRADE_CONFIRM") onRecord(payload, from);
  else onAck(Number(payload.seq), from);
}

function onAccepted(trade: Trade): void {
  if (trade.confirm !== null) {
    trade.confirm();
    return;
  }
  const seq = (applied.get(self) ?? 0) + 1;
  bySeq.set(seq, trade);
  const deps = Buffer.from([1, seq & 127, 1, seq & 127]).toString("base64url");
  const parties = { trade_id: trade.id, buyer_id: trade.payee, seller_id: self, amount: 1, seq };
  const record = { ...parties, deps, prev_hash: "0123456789abcdef", request_id: trade.request };
  trade.confirm = () => {
    send(0, "TRADE_CONFIRM", { success: true, ...record }, deps);
    send(trade.payee, "TRADE_CONFIRM", { success: true, ...record }, deps);
  };
  store(record, trade.confirm);
}

function onRecord(record: Fields, origin: number): void {
  const seq = Number(record.seq);
  const ack = (): void => void (record.buyer_id === self && send(origin, "ACK", { origin, seq }));
  if (seq > (applied.get(origin) ?? 0)) {
    store(record, ack);
  } else if (seq <= (durable.get(origin) ?? 0)) ack();
}

function onAck(seq: number, from: number): void {
  const trade = bySeq.get(seq);
  if (trade === undefined || trade.payee !== from || trade.reply !== null) return;
  const data = { trade_id: trade.id, state: "settled", balance: 1_000_000_000 };
  const text = `SELL 1 credits to Node ${from} [1000000000 -> 999999999] (trade_id=${trade.id})`;
  const body = JSON.stringify({ ok: true, data, text });
  trade.reply = seal(JSON.stringify({ request_id: trade.request, final: true, page: 0, pages: 1, body }), true);
  unicast.send(trade.reply, trade.client, "127.0.0.1");
  bySeq.delete(seq);
}
