/**
 * Picks the /24 of a new lab: private, outside everything that the engine or this host routes already.
 *
 * The engine checks its own networks only; a lab on a range that the host reaches by VPN would cut the user off from it. Where the
 * search begins depends on the lab's name, so that labs started at the same moment seldom try the same range.
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import type { NodeId } from "../../../node/wire/ids.ts";
import { LabError } from "../../base/lab-error.ts";
import { NEXT } from "../../base/next.ts";
import { LOCAL_INSTEAD } from "./docker-errors.ts";

/** IPv4 range as numbers: first address, and how many. */
export interface Range {
  readonly first: number;
  readonly size: number;
}

/** Node N has address N+1 of its /24: .1 is the gateway, the last four are for what others attach, .255 is broadcast. */
const NODE_ID_MAX = 250;

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
  if (range === null)
    throw new LabError("failed", `"${subnet}" isn't an IPv4 subnet`, [NEXT.removeLab(), NEXT.startLab()]);
  if (id > NODE_ID_MAX) {
    throw new LabError(
      "usage",
      `node ${id} has no address: a lab on Docker is one /24, with room for nodes 1 to ${NODE_ID_MAX}`,
      [`use ids up to ${NODE_ID_MAX}`, LOCAL_INSTEAD],
    );
  }
  return formatAddress(range.first + id + 1);
}

/** Where the engine takes addresses from that nobody asked for, so that a sidecar on the lab's network never gets a node's. */
export function splitSubnet(subnet: string): { readonly Gateway: string; readonly IPRange: string } {
  const first = parseRange(subnet)?.first ?? 0;
  return { Gateway: formatAddress(first + 1), IPRange: `${formatAddress(first + 252)}/30` };
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

/** All networks that this host routes: its interfaces' networks, and the kernel's table where there is one to read. */
export async function hostRanges(): Promise<readonly Range[]> {
  const interfaces = Object.values(networkInterfaces())
    .flat()
    .map((address) => (address?.family === "IPv4" && address.cidr ? parseRange(address.cidr) : null))
    .filter((range) => range !== null);
  const routes = (await readRoutes()).map((route) => route.range);
  // A default route (or half of one, as VPNs add) says nothing about which ranges are in use.
  return [...interfaces, ...routes].filter((range) => range.size < 2 ** 31);
}

/**
 * Whether the bridge itself is on this host, so that its containers can be reached directly: false for Docker Desktop, rootless
 * and remote engines. From the routes, because Node doesn't list an interface that has no carrier, and a bridge without
 * containers has none.
 */
export async function reachesBridge(subnet: string): Promise<boolean> {
  const wanted = parseRange(subnet);
  return (await readRoutes()).some(
    ({ range, direct }) => direct && range.first === wanted?.first && range.size === wanted.size,
  );
}

/** /proc/net/route: a line of head, then destination, gateway and mask as little-endian hex among the columns. */
async function readRoutes(): Promise<readonly { range: Range; direct: boolean }[]> {
  const table = await readFile("/proc/net/route", "utf8").catch(() => "");
  return table
    .split("\n")
    .slice(1)
    .flatMap((line) => {
      const [, destination = "", gateway = "", , , , , mask = ""] = line.split("\t");
      if (!/^[0-9A-F]{8}$/i.test(destination) || !/^[0-9A-F]{8}$/i.test(mask)) return [];
      const range = { first: littleEndian(destination), size: 2 ** 32 - littleEndian(mask) };
      return [{ range, direct: /^0+$/.test(gateway) }];
    });
}

function littleEndian(hex: string): number {
  return Buffer.from(hex, "hex").readUInt32LE();
}
