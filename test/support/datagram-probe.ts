// Measures what a network does to datagrams between containers: how many of those that each sender sent arrive, how late,
// how often, and in which order, multicast and unicast counted apart. Containers of one engine share a clock, so the
// instant of sending travels in the datagram.
//
// Uses the docker client and the Node in the containers; knows nothing of the product.
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { createInterface } from "node:readline";

export interface Arrivals {
  /** Different datagrams that arrived. */
  readonly count: number;
  readonly duplicates: number;
  /** Datagrams that arrived after one that was sent later. */
  readonly overtaken: number;
  readonly delayMsMin: number;
  readonly delayMsMedian: number;
  readonly delayMsMax: number;
}

export interface Peer {
  readonly container: string;
  readonly ip: string;
}

export interface ProbeOptions {
  readonly senders: readonly Peer[];
  readonly receiver: Peer;
  /** Of each kind, from each sender. */
  readonly count: number;
  readonly intervalMs?: number;
  readonly bytes?: number;
  /** How long after the last datagram was sent something may still arrive. */
  readonly graceMs?: number;
  readonly port?: number;
}

/** By sender's container, then kind. */
export type ProbeResult = Readonly<Record<string, { readonly multicast: Arrivals; readonly unicast: Arrivals }>>;

const GROUP = "239.255.77.77";

const RECEIVER = `
const [ip, port, group] = process.argv.slice(1);
const socket = require("node:dgram").createSocket({ type: "udp4", reuseAddr: true });
const rows = [];
socket.on("message", (data, from) => {
  const at = performance.timeOrigin + performance.now();
  const [kind, seq, sentAt] = data.toString().split(" ");
  rows.push([from.address, kind, Number(seq), at - Number(sentAt)]);
});
socket.bind(Number(port), () => { socket.addMembership(group, ip); console.log("ready"); });
process.stdin.on("data", () => { console.log(JSON.stringify(rows)); process.exit(); });
`;

const SENDER = `
const [ip, port, group, target, count, interval, bytes] = process.argv.slice(1);
const socket = require("node:dgram").createSocket("udp4");
let seq = 0;
socket.bind(0, ip, () => {
  socket.setMulticastInterface(ip);
  console.log("ready");
  process.stdin.once("data", next);
});
function next() {
  for (const [kind, address] of [["multicast", group], ["unicast", target]]) {
    const text = kind + " " + seq + " " + (performance.timeOrigin + performance.now()) + " ";
    socket.send(text.padEnd(Number(bytes), "."), Number(port), address);
  }
  if (++seq < Number(count)) setTimeout(next, Number(interval));
  else setTimeout(() => { console.log("sent"); process.exit(); }, 50);
}
`;

export async function probeDatagrams(options: ProbeOptions): Promise<ProbeResult> {
  const { senders, receiver, count, intervalMs = 5, bytes = 200, graceMs = 400, port = 47_771 } = options;
  const sink = startIn(receiver, RECEIVER, [receiver.ip, `${port}`, GROUP]);
  const sources = senders.map((sender) =>
    startIn(sender, SENDER, [sender.ip, `${port}`, GROUP, receiver.ip, `${count}`, `${intervalMs}`, `${bytes}`]),
  );
  try {
    await Promise.all([sink, ...sources].map((program) => program.line("ready")));
    for (const source of sources) source.child.stdin.write("go\n");
    await Promise.all(sources.map((source) => source.line("sent")));
    await new Promise((resolve) => setTimeout(resolve, graceMs));
    sink.child.stdin.write("end\n");
    const rows = JSON.parse(await sink.line("[")) as [string, string, number, number][];
    return Object.fromEntries(
      senders.map((sender) => {
        const of = (kind: string) =>
          summarise(
            rows.filter(([ip, rowKind]) => ip === sender.ip && rowKind === kind).map((row) => [row[2], row[3]]),
          );
        return [sender.container, { multicast: of("multicast"), unicast: of("unicast") }];
      }),
    );
  } finally {
    for (const program of [sink, ...sources]) program.child.kill("SIGKILL");
  }
}

function summarise(rows: readonly (readonly [seq: number, delayMs: number])[]): Arrivals {
  const seen = new Set<number>();
  let overtaken = 0;
  let highest = -1;
  for (const [seq] of rows) {
    if (!seen.has(seq) && seq < highest) overtaken += 1;
    seen.add(seq);
    highest = Math.max(highest, seq);
  }
  const delays = rows.map(([, delayMs]) => Math.round(delayMs * 10) / 10).sort((a, b) => a - b);
  return {
    count: seen.size,
    duplicates: rows.length - seen.size,
    overtaken,
    delayMsMin: delays[0] ?? Number.NaN,
    delayMsMedian: delays[delays.length >> 1] ?? Number.NaN,
    delayMsMax: delays.at(-1) ?? Number.NaN,
  };
}

interface Program {
  readonly child: ChildProcessWithoutNullStreams;
  /** The next line that begins with `start`. Rejects when the program ends without it. */
  line(start: string): Promise<string>;
}

function startIn(peer: Peer, source: string, args: readonly string[]): Program {
  const child = spawn("docker", ["exec", "-i", peer.container, "node", "-e", source, ...args]);
  const lines: string[] = [];
  const waiting: (() => void)[] = [];
  let ended: string | null = null;
  let errors = "";
  const wake = () => {
    for (const resume of waiting.splice(0)) resume();
  };
  child.stderr.on("data", (chunk: Buffer) => {
    errors += chunk.toString();
  });
  createInterface(child.stdout).on("line", (text) => {
    lines.push(text);
    wake();
  });
  child.on("close", (code) => {
    ended = `the probe in ${peer.container} ended with code ${code}: ${errors.trim()}`;
    wake();
  });
  return {
    child,
    async line(start) {
      for (;;) {
        const found = lines.find((text) => text.startsWith(start));
        if (found !== undefined) return found;
        if (ended !== null) throw new Error(ended);
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
    },
  };
}
