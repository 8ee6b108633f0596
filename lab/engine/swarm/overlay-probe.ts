/**
 * Tries on all hosts at once what a lab's network has to carry: a throw-away overlay with the helper, and one container a host. Each calls
 * all others, by the group and by their addresses, and tells whom it heard.
 */
import { LabError } from "../../base/lab-error.ts";
import { rangesOf } from "../docker/docker-network.ts";
import { runProbe } from "../docker/docker-probe.ts";
import { addressOf } from "../docker/docker-subnet.ts";
import type { LabSpec } from "../engine.ts";
import { destroySwarmLab } from "./destroy-lab.ts";
import { startHelper } from "./multicast-helper.ts";
import { createOverlay } from "./overlay.ts";
import type { Reachable } from "./spread-image.ts";
import type { HostPool } from "./swarm-hosts.ts";

/** Administratively scoped (RFC 2365), not the nodes' own group. */
const GROUP = "239.255.71.1";
const PORT = 5071;
const PATIENCE_MS = 8_000;
/** Others may have begun later. */
const LINGER_MS = 1_500;

const SCRIPT = (me: string, own: string, others: readonly (readonly [name: string, address: string])[]): string => `
const others = ${JSON.stringify(others)};
const heard = { group: new Set(), address: new Set() };
const socket = require("node:dgram").createSocket({ type: "udp4", reuseAddr: true });
const end = () => {
  const mtu = Number(require("node:fs").readFileSync("/sys/class/net/eth0/mtu", "utf8"));
  console.log(JSON.stringify({ group: [...heard.group], address: [...heard.address], mtu }));
  process.exit(0);
};
let isOver = false;
socket.on("message", (data) => {
  const [way, name] = JSON.parse(String(data));
  if (name !== ${JSON.stringify(me)}) heard[way].add(name);
  if (isOver || heard.group.size < others.length || heard.address.size < others.length) return;
  isOver = true;
  setTimeout(end, ${LINGER_MS});
});
socket.bind(${PORT}, () => {
  // The default route leaves by another interface than the overlay's.
  socket.addMembership("${GROUP}", "${own}");
  socket.setMulticastInterface("${own}");
  const say = (way, address) => socket.send(JSON.stringify([way, ${JSON.stringify(me)}]), ${PORT}, address, () => {});
  setInterval(() => {
    say("group", "${GROUP}");
    for (const [, address] of others) say("address", address);
  }, 50);
});
setTimeout(end, ${PATIENCE_MS});
`;

export interface OverlayReport {
  /** Pairs `h1 -> h2` in which h2 didn't hear h1. */
  readonly deaf: { readonly group: readonly string[]; readonly address: readonly string[] };
  readonly mtu: number;
  /** Why the helper doesn't run; null: it does. */
  readonly helperTrouble: string | null;
}

/** @throws LabError when the overlay can't be made */
export async function tryOverlay(pool: HostPool, hosts: Reachable, image: string): Promise<OverlayReport> {
  const { docker } = pool.manager;
  const run = `doctor-${process.pid}-${Date.now().toString(36)}`;
  const nothing = { voters: [], nodes: [], token: "", keys: "", env: {} };
  const spec: LabSpec = { name: run, run, runtime: "swarm", profile: "default", ...nothing };
  const taken = await Promise.all([...hosts.values()].map(async (host) => await host.docker.listNetworks()));
  const homes = [...hosts].map(([host, reached], i) => ({ host, reached, place: i + 1 }));
  const [first] = homes;
  if (first === undefined) throw new LabError("failed", "no host is there to try it on", "start one");
  const { Id: id } = await first.reached.docker.getImage(image).inspect();
  try {
    const overlay = await createOverlay(docker, spec, taken.flat().flatMap(rangesOf));
    const ids = homes.map(({ host }) => host.id);
    const helperTrouble = await startHelper(docker, spec, overlay, id, ids).then(
      () => null,
      (error: Error) => error.message,
    );
    const addressed = homes.map(({ host, place }) => [host.name, addressOf(overlay.subnet, place)] as const);
    const heard = await Promise.all(
      homes.map(async ({ host, reached, place }) => {
        const others = addressed.filter(([name]) => name !== host.name);
        const address = addressOf(overlay.subnet, place);
        const command = ["node", "-e", SCRIPT(host.name, address, others)];
        const how = { image, probe: "overlay", command, network: overlay.name, address };
        const { output } = await runProbe(reached.docker, how);
        return { name: host.name, ...parse(output) };
      }),
    );
    const deaf = (way: "group" | "address") =>
      heard.flatMap((one) =>
        addressed.flatMap(([name]) => (name === one.name || one[way].includes(name) ? [] : [`${name} -> ${one.name}`])),
      );
    const deafness = { group: deaf("group"), address: deaf("address") };
    return { deaf: deafness, mtu: Math.min(...heard.map(({ mtu }) => mtu)), helperTrouble };
  } finally {
    await destroySwarmLab(pool, spec.name, () => {});
  }
}

function parse(output: string): { group: readonly string[]; address: readonly string[]; mtu: number } {
  try {
    return JSON.parse(output);
  } catch {
    return { group: [], address: [], mtu: 0 };
  }
}

/** What the engines set up for an encrypted overlay, on an interface of the container's own. */
const IPSEC = `ip xfrm state add src 192.0.2.1 dst 192.0.2.2 proto esp spi 0x100 reqid 1 mode transport \\
  aead 'rfc4106(gcm(aes))' 0x000102030405060708090a0b0c0d0e0f10111213 64 && echo ipsec`;

/** The hosts whose kernels can't encrypt an overlay, by name. */
export async function hostsWithoutIpsec(hosts: Reachable, image: string): Promise<readonly string[]> {
  const found = await Promise.all(
    [...hosts].map(async ([host, { docker }]) => {
      const how = { image, probe: "ipsec", command: ["sh", "-c", IPSEC], network: "none" };
      return (await runProbe(docker, how)).output.includes("ipsec") ? [] : [host.name];
    }),
  );
  return found.flat();
}
