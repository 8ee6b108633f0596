/**
 * A lab on three hosts of a swarm: its start beside the raw engines' time for the same containers, the way between two nodes, a fault on all
 * nodes of a host, and the host of the coordinator losing its power.
 *
 * The hosts are namespaces of this machine (root on Linux): they share its cores, so only what one run measures side by side compares.
 */
import { setTimeout as pause } from "node:timers/promises";
import type Docker from "dockerode";
import { judgeAgreement } from "../../lab/cluster/judge-agreement.ts";
import { openHandle } from "../../lab/cluster/open-handle.ts";
import { SwarmHosts } from "../support/swarm-hosts.ts";
import { lab, run } from "./command.ts";
import type { Report } from "./report.ts";

const NAME = "bench-swarm";
/** Where the goal for a fault on a host is 15 nodes on it. */
const FAULT_NODES = 45;

export async function benchSwarm(
  report: Report,
  options: { image: string; sizes: readonly number[]; rounds: number },
): Promise<void> {
  await using hosts = await SwarmHosts.up(3, options.image);
  process.env.DOCKER_HOST = hosts.endpoint(1);
  try {
    for (const size of options.sizes) await benchUp(report, hosts, size, options.rounds);
    await benchWays(report, hosts);
    await benchHostFault(report, options.sizes.length > 1 ? FAULT_NODES : 9, options.rounds);
    await benchHostDeath(report, hosts, options.rounds);
  } finally {
    delete process.env.DOCKER_HOST;
  }
}

function up(size: number, ...more: readonly string[]) {
  return lab(...["up", "--name", NAME, "--nodes", `${size}`, "--profile", "fast", "--runtime", "swarm", ...more]);
}

const down = () => lab("down", "--name", NAME, "--runtime", "swarm");

async function benchUp(report: Report, hosts: SwarmHosts, size: number, rounds: number): Promise<void> {
  report.heading(`lab up --runtime swarm, ${size} nodes on three hosts, to all agreeing on one coordinator`);
  const [ours, raw]: [number[], number[]] = [[], []];
  // The first round brings the image to all hosts, and isn't counted.
  for (let round = 0; round <= rounds; round++) {
    const { ms } = await up(size);
    const [made] = await (await hosts.engine(1)).listContainers({ filters: { label: [`energy-lab.lab=${NAME}`] } });
    await down();
    const rawMs = await timeRaw(hosts, made?.Image ?? "", size);
    if (round === 0) continue;
    ours.push(ms);
    raw.push(rawMs);
  }
  report.row({ what: "lab up, whole command", unit: "ms", samples: ours, goal: null });
  report.row({ what: "floor: an overlay, raw create + start in parallel", unit: "ms", samples: raw, goal: null });
  const samples = ours.map((ms, i) => ms / (raw[i] as number));
  report.row({ what: "lab up / floor", unit: "ratio", samples, goal: { of: "median", atMost: 1.4 } });
}

/** An overlay and containers on it, as few calls as the engines allow; nobody waits for what runs inside. */
async function timeRaw(hosts: SwarmHosts, image: string, size: number): Promise<number> {
  const manager = await hosts.engine(1);
  const engines = await Promise.all(hosts.ids.map((id) => hosts.engine(id)));
  const made: Docker.Container[] = [];
  const startMs = performance.now();
  const network = await manager.createNetwork({
    Name: "bench-raw",
    Driver: "overlay",
    Attachable: true,
    IPAM: { Config: [{ Subnet: "10.214.96.0/22", IPRange: "10.214.99.0/24" }] },
  } as Docker.NetworkCreateOptions);
  while (((await network.inspect()).IPAM?.Config ?? []).length === 0) await pause(20);
  try {
    await Promise.all(
      Array.from({ length: size }, async (_, i) => {
        const address = `10.214.96.${i + 2}`;
        const container = await (engines[i % engines.length] as Docker).createContainer({
          Image: image,
          Env: [`DS_NODE_ID=${i + 1}`, "DS_PROFILE=fast", `DS_HOST=${address}`],
          Healthcheck: { Test: ["NONE"] },
          HostConfig: { NetworkMode: "bench-raw", CapAdd: ["NET_ADMIN"] },
          NetworkingConfig: { EndpointsConfig: { "bench-raw": { IPAMConfig: { IPv4Address: address } } } },
        });
        made.push(container);
        await container.start();
      }),
    );
    return performance.now() - startMs;
  } finally {
    await Promise.all(made.map((container) => container.remove({ force: true, v: true })));
    while (
      !(await network.remove().then(
        () => true,
        () => false,
      ))
    )
      await pause(100);
  }
}

const PORT = 7_777;
const ECHO = `const s = require("node:dgram").createSocket("udp4");
s.on("message", (m, from) => s.send(m, from.port, from.address)); s.bind(${PORT}); setTimeout(() => process.exit(), 60000);`;
const CALL = (address: string) => `const s = require("node:dgram").createSocket("udp4");
const data = Buffer.alloc(300); const times = []; let at = 0;
const next = () => { at = performance.now(); s.send(data, ${PORT}, "${address}"); };
s.on("message", () => {
  times.push(1000 * (performance.now() - at));
  if (times.length < 1100) return setImmediate(next);
  console.log(JSON.stringify(times.slice(100)));
  process.exit();
});
s.bind(0, next); setTimeout(() => process.exit(1), 20000);`;

/** Of 300 bytes and back, between processes beside two nodes. */
async function benchWays(report: Report, hosts: SwarmHosts): Promise<void> {
  report.heading("round trip of 300 bytes between two nodes' containers");
  await up(6);
  try {
    const containerOn = async (host: number, which: number) => {
      const filters = { label: [`energy-lab.lab=${NAME}`, "energy-lab.node"] };
      const found = (await (await hosts.engine(host)).listContainers({ filters }))[which];
      const { Labels: labels = {}, Id: id = "" } = found ?? {};
      return { at: ["-H", hosts.endpoint(host), "exec"], id, address: labels["energy-lab.address"] ?? "" };
    };
    const from = await containerOn(2, 0);
    for (const [what, to] of [
      ["on the same host", await containerOn(2, 1)],
      ["across hosts", await containerOn(3, 0)],
    ] as const) {
      await run("docker", [...to.at, "-d", to.id, "node", "-e", ECHO]);
      await pause(500);
      const { stdout } = await run("docker", [...from.at, from.id, "node", "-e", CALL(to.address)]);
      report.row({ what, unit: "us", samples: JSON.parse(stdout), goal: null });
    }
  } finally {
    await down();
  }
}

async function benchHostFault(report: Report, nodes: number, rounds: number): Promise<void> {
  const onHost = nodes / 3;
  report.heading(`a fault on all ${onHost} nodes of a host, applied and verified, after the CLI has started`);
  await up(nodes);
  try {
    const [netems, partitions]: [number[], number[]] = [[], []];
    for (let round = 0; round <= rounds; round++) {
      const { ms: startMs } = await lab("--help");
      const partition = await lab("partition", "host:h2", "--name", NAME, "--runtime", "swarm");
      await lab("heal", "--name", NAME, "--runtime", "swarm");
      const netem = await lab("netem", "host:h2", "--loss", "5%", "--name", NAME, "--runtime", "swarm");
      await lab("heal", "--name", NAME, "--runtime", "swarm");
      if (round === 0) continue;
      netems.push(netem.ms - startMs);
      partitions.push(partition.ms - startMs);
    }
    const goal = { of: "median", atMost: 1_000 } as const;
    report.row({ what: "netem host:h2 --loss 5%", unit: "ms", samples: netems, goal });
    report.row({
      what: `partition host:h2, a fault on all ${nodes} nodes`,
      unit: "ms",
      samples: partitions,
      goal: null,
    });
  } finally {
    await down();
  }
}

/** Nodes are placed in turn, so the highest of nine leads on the third host. */
async function benchHostDeath(report: Report, hosts: SwarmHosts, rounds: number): Promise<void> {
  report.heading("the plug of the coordinator's host is pulled: 9 nodes on three hosts, profile fast");
  await up(9);
  try {
    const samples: number[] = [];
    for (let round = 0; round < Math.min(rounds, 3); round++) {
      {
        await using handle = await openHandle(NAME, { runtime: "swarm" });
        const survivors = handle.info.nodes.filter(({ host }) => host !== "h3").map(({ id }) => id);
        const startMs = performance.now();
        await hosts.powerOff(3);
        for (;;) {
          const verdict = judgeAgreement(await handle.ping(survivors));
          if (verdict.agreed && survivors.includes(verdict.coordinator ?? 0)) break;
          if (performance.now() - startMs > 30_000) throw new Error("the survivors didn't agree within 30 s");
          await pause(5);
        }
        samples.push(performance.now() - startMs);
      }
      await hosts.powerOn(3);
      await lab("start", "host:h3", "--wait", "--name", NAME, "--runtime", "swarm");
      await lab("wait", "agree", "--name", NAME, "--runtime", "swarm");
    }
    report.row({ what: "to a new coordinator, agreed by all survivors", unit: "ms", samples, goal: null });
  } finally {
    await down();
  }
}
