/** Bare peers as processes, from their start to their counts. */
import { type ChildProcess, spawn } from "node:child_process";
import { hkdfSync } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Target } from "../load.ts";

/** Sums over all peers. Datagrams between peers only. */
export interface Counts {
  datagrams: number;
  bytes: number;
  commits: number;
  /** Of the processor, their start included. */
  cpuSeconds: number;
}

export interface BarePeers extends AsyncDisposable {
  readonly targets: readonly Target[];
  readonly token: string;
  /** Ends them. */
  stop(): Promise<Counts>;
}

/** @param durable false: without a disk */
export async function startBarePeers(size: number, durable: boolean): Promise<BarePeers> {
  const token = "bare";
  const directory = await mkdtemp(join(tmpdir(), "bench-bare-"));
  const key = Buffer.from(hkdfSync("sha256", token, "", "energy-lab/control", 32)).toString("hex");
  const portBase = await freePort();
  const peers = Array.from({ length: size }, (_, index) => {
    const file = durable ? join(directory, `${index + 1}.db`) : "";
    const args = [join(import.meta.dirname, "peer.ts"), index + 1, size, portBase, key, file].map(String);
    const quiet = ["--disable-warning=ExperimentalWarning"];
    const child = spawn(process.execPath, [...quiet, ...args], { stdio: ["pipe", "pipe", "inherit"] });
    return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
  });
  const end = async (): Promise<void> => {
    for (const { child } of peers) child.kill("SIGKILL");
    await Promise.all(peers.map(({ child }) => hasEnded(child)));
    await rm(directory, { recursive: true, force: true });
  };
  try {
    for (const { lines } of peers) if ((await lines.next()).done) throw new Error("a bare peer ended at its start");
  } catch (error) {
    await end();
    throw error;
  }
  return {
    targets: peers.map((_, index) => ({ id: index + 1, host: "127.0.0.1", port: portBase + index + 1, inc: 1 })),
    token,
    async stop() {
      const sum: Counts = { datagrams: 0, bytes: 0, commits: 0, cpuSeconds: 0 };
      for (const { child, lines } of peers) {
        child.kill("SIGTERM");
        const counts = JSON.parse((await lines.next()).value ?? "") as Counts;
        for (const name of ["datagrams", "bytes", "commits", "cpuSeconds"] as const) sum[name] += counts[name];
      }
      return sum;
    },
    [Symbol.asyncDispose]: end,
  };
}

async function hasEnded(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
}

/** Below the ports that the kernel gives away, and with room for the peers behind it. */
async function freePort(): Promise<number> {
  const socket = createSocket("udp4");
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(resolve));
  return 20_000 + (port % 9_000);
}
