/**
 * Picks the /24 of a new lab: private, outside everything that the engine or this host routes already.
 *
 * The engine checks its own networks only; a lab on a range that the host reaches by VPN would cut the user off from it. Where the
 * search begins depends on the lab's name, so that labs started at the same moment seldom try the same range.
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import type { NodeId } from "../../node/wire/ids.ts";
import { LabError } from "../errors.ts";

/** IPv4 range as numbers: first address, and how many. */
export interface Range {
  readonly first: number;
  readonly size: number;
}

/** Node N has address N+1 of its /24: .1 is the gateway, .255 is broadcast. */
export const NODE_ID_MAX = 253;

/** Ranges that labs live in, best first: seldom used by homes, VPNs and Docker's own pools. */
const POOLS = ["10.213.0.0/16", "10.214.0.0/15", "10.216.0.0/13", "172.24.0.0/13", "192.168.128.0/17"];
/** docker-compose.yml has it by default. */
const COMPOSE_SUBNET = "10.213.77.0/24";

export function parseRange(cidr: string): Range | null {
  const [, address = "", bits = "32"] = /^(\d+\.\d+\.\d+\.\d+)(?:\/(\d+))?$/.exec(cidr) ?? [];
  const octets = address.split(".").map(Number);
  const prefix = Number(bits);
  if (octets.length !== 4 || octets.some((octet) => octet > 255) || prefix > 32) return null;
  const size = 2 ** (32 - prefix);
  const value = octets.reduce((sum, octet) => sum * 256 + octet, 0);
  return { first: value - (value % size), size };
}

export function formatAddress(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");
}

export function overlaps(a: Range, b: Range): boolean {
  return a.first < b.first + b.size && b.first < a.first + a.size;
}

/** Address of node `id` in the lab's subnet. Throws LabError("usage") for an id that a /24 has no room for. */
export function addressOf(subnet: string, id: NodeId): string {
  const range = parseRange(subnet);
  if (range === null) throw new LabError("failed", `"${subnet}" is no IPv4 subnet`, "`lab down`, then `lab up`");
  if (id > NODE_ID_MAX) {
    throw new LabError(
      "usage",
      `node ${id} has no address: a lab on Docker is one /24, with room for nodes 1 to ${NODE_ID_MAX}`,
      `use ids up to ${NODE_ID_MAX}, or \`--runtime local\``,
    );
  }
  return formatAddress(range.first + id + 1);
}

export function gatewayOf(subnet: string): string | null {
  const range = parseRange(subnet);
  return range === null ? null : formatAddress(range.first + 1);
}

/** All free /24s, in the order in which to try them: pools in order, each begun where the seed says. */
export function* freeSubnets(taken: readonly Range[], seed: string): Generator<string> {
  const blocked = [...taken, parseRange(COMPOSE_SUBNET)].filter((range) => range !== null);
  const start = createHash("sha256").update(seed).digest().readUInt32BE();
  for (const pool of POOLS) {
    const range = parseRange(pool);
    if (range === null) continue;
    const count = range.size / 256;
    for (let i = 0; i < count; i++) {
      const candidate = { first: range.first + ((start + i) % count) * 256, size: 256 };
      if (!blocked.some((other) => overlaps(candidate, other))) yield `${formatAddress(candidate.first)}/24`;
    }
  }
}

/** What this host routes anywhere: its interfaces' networks, and the kernel's table where there is one to read. */
export async function hostRanges(): Promise<readonly Range[]> {
  const interfaces = Object.values(networkInterfaces())
    .flat()
    .map((address) => (address?.family === "IPv4" && address.cidr ? parseRange(address.cidr) : null));
  const table = await readFile("/proc/net/route", "utf8").catch(() => "");
  const routes = table.split("\n").slice(1).map(parseRoute);
  // A default route (or half of one, as VPNs add) says nothing about which ranges are in use.
  return [...interfaces, ...routes]
    .filter((range) => range !== null && range.size < 2 ** 31)
    .filter((range) => range !== null);
}

/** A line of /proc/net/route: little-endian hex. */
function parseRoute(line: string): Range | null {
  const fields = line.split("\t");
  const [destination, mask] = [fields[1], fields[7]].map((field) =>
    Number.parseInt(field?.match(/../g)?.toReversed().join("") ?? "", 16),
  );
  if (destination === undefined || mask === undefined || Number.isNaN(destination) || Number.isNaN(mask)) return null;
  return { first: destination, size: 2 ** 32 - mask };
}

/** Whether the bridge's own address is on this host, so that its containers can be reached directly. */
export function reachesBridge(subnet: string): boolean {
  const gateway = gatewayOf(subnet);
  return Object.values(networkInterfaces())
    .flat()
    .some((address) => address?.address === gateway);
}
