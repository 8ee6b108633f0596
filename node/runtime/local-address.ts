/**
 * Which address of this machine the group can reach. The routing table knows the way (the original's `get_local_ip` asks it too), but
 * a VPN may own it, and on Windows the route to a group may lead into a virtual switch: such interfaces come last.
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { networkInterfaces } from "node:os";

export type Interfaces = ReturnType<typeof networkInterfaces>;

/** Addresses that the routing table would send from; null: it knows no way. */
export interface Routes {
  readonly toGroup: string | null;
  readonly toOutside: string | null;
  /** Interfaces that a default route names, the preferred first: a VPN's route may hide them. Empty where that can't be read. */
  readonly gateways: readonly string[];
}

export interface LocalAddress {
  readonly address: string;
  /** Name of its interface. */
  readonly name: string;
  readonly why: string;
  /** Where the group may be as well: the user has to choose if it is. */
  readonly others: readonly { readonly address: string; readonly name: string }[];
}

/** Interfaces between two ends: tunnels, modems. No group of a network is behind them. */
const POINT_TO_POINT =
  /^(tun|tap|utun|ppp|wg|wwan|nord|tailscale|proton|mullvad|ipsec|gre|sit|vti|cscotun|zt|ham)|vpn|wireguard|tap-windows|tailscale|zerotier|nordlynx/i;
/** Interfaces to virtual machines and containers of this machine, or to a phone or a screen beside it. */
const HOST_ONLY =
  /^(docker|br-|veth|virbr|vmnet|vboxnet|cni|flannel|cali|podman|lxcbr|lxdbr|incusbr|nerdctl|kube|bridge\d|awdl|llw|anpi|ap\d)|vethernet|virtualbox|vmware|hyper-v|wsl|bluetooth|loopback/i;
/** Hardware addresses of the adapters that VirtualBox and VMware give the host. */
const HOST_ONLY_MAC = /^(0a:00:27|00:50:56:c0)/i;

interface Candidate {
  readonly name: string;
  readonly address: string;
  readonly isInternal: boolean;
  readonly kind: "network" | "host-only" | "point-to-point";
}

/** The best address for the group, by the interfaces that are there and the routing table. Pure. */
export function chooseAddress(interfaces: Interfaces, routes: Routes): LocalAddress {
  const all = listAddresses(interfaces).filter((candidate) => !candidate.isInternal);
  const usable = all.filter(({ address }) => !address.startsWith("169.254."));
  const rank = ({ name }: Candidate) => {
    const at = routes.gateways.indexOf(name);
    return at < 0 ? routes.gateways.length : at;
  };
  const networks = usable.filter(({ kind }) => kind === "network").sort((a, b) => rank(a) - rank(b));
  const toGroup = usable.find(({ address }) => address === routes.toGroup);
  const toOutside = usable.find(({ address }) => address === routes.toOutside);
  const choices: readonly [Candidate | undefined, string][] = [
    [toGroup?.kind === "network" ? toGroup : undefined, "the routing table's way to the group"],
    // A bridge that owns the way to the outside is this machine's network, whatever its name says.
    [toOutside?.kind === "point-to-point" ? undefined : toOutside, "the routing table's way to the outside"],
    [networks[0], toOutside === undefined ? "no route leads to the group" : `the route leads into ${toOutside.name}`],
    [toGroup ?? toOutside ?? usable[0] ?? all[0], "no interface to a local network is up"],
  ];
  for (const [choice, why] of choices) {
    if (choice === undefined) continue;
    const others = networks.filter(({ address }) => address !== choice.address);
    return { address: choice.address, name: choice.name, why, others };
  }
  return { address: "127.0.0.1", name: "loopback", why: "no network is up", others: [] };
}

/** The sentence for the journal. */
export function describeChoice({ address, name, why, others }: LocalAddress): string {
  const text = `Auto-detected local IP: ${address} (${name}: ${why})`;
  if (others.length === 0) return text;
  const list = others.map((other) => `${other.address} (${other.name})`).join(", ");
  return `${text}; if the group is elsewhere, choose with --host: ${list}`;
}

export async function detectLocalAddress(group: string): Promise<LocalAddress> {
  // TEST-NET-1 (RFC 5737) stands for the outside: the default route is the way there. Nothing is sent.
  const [toGroup, toOutside, table] = await Promise.all([
    askRoute(group),
    askRoute("192.0.2.1"),
    // Linux alone has this file.
    readFile("/proc/net/route", "latin1").catch(() => ""),
  ]);
  return chooseAddress(networkInterfaces(), { toGroup, toOutside, gateways: readGateways(table) });
}

/** Interfaces of the default routes in a table as /proc/net/route has it, by their metrics. */
export function readGateways(table: string): readonly string[] {
  return table
    .split("\n")
    .map((line) => line.split("\t"))
    .filter(([, target, , , , , , mask]) => target === "00000000" && mask === "00000000")
    .sort((a, b) => Number(a[6]) - Number(b[6]))
    .map(([name = ""]) => name);
}

/** "Connecting" a UDP socket sends nothing, but makes the system look the route up and choose its own address. */
async function askRoute(target: string): Promise<string | null> {
  const socket = createSocket("udp4");
  try {
    socket.connect(9, target);
    await once(socket, "connect");
    return socket.address().address;
  } catch {
    return null;
  } finally {
    socket.close();
  }
}

/** True for loopback and for every address that an interface of this machine has now. */
export function isOwnAddress(address: string, interfaces: Interfaces = networkInterfaces()): boolean {
  return address.startsWith("127.") || listAddresses(interfaces).some((own) => own.address === address);
}

/** False in a container whose cable is pulled: nothing but loopback. */
export function hasNetwork(interfaces: Interfaces = networkInterfaces()): boolean {
  return listAddresses(interfaces).some((own) => !own.isInternal);
}

/** The first IPv4 address of the interface with this name; null: there is none. */
export function addressOfInterface(name: string, interfaces: Interfaces = networkInterfaces()): string | null {
  return listAddresses(interfaces).find((own) => own.name === name)?.address ?? null;
}

function listAddresses(interfaces: Interfaces): Candidate[] {
  return Object.entries(interfaces).flatMap(([name, rows]) =>
    (rows ?? [])
      .filter((row) => row.family === "IPv4")
      .map(({ address, internal, netmask, mac }) => ({
        ...{ name, address, isInternal: internal },
        kind:
          POINT_TO_POINT.test(name) || netmask === "255.255.255.255"
            ? "point-to-point"
            : HOST_ONLY.test(name) || HOST_ONLY_MAC.test(mac)
              ? "host-only"
              : "network",
      })),
  );
}
