/**
 * Which address of this machine peers can reach (the original's `get_local_ip`): a real interface before one that virtualisation
 * made, any other before loopback. Nothing is sent to find out.
 */
import { networkInterfaces } from "node:os";

type Interfaces = ReturnType<typeof networkInterfaces>;

const VIRTUAL = /^(docker|br-|veth|virbr|vmnet|vboxnet|cni|flannel|tailscale|wg|tun|tap|utun|zt)/;

export function detectLocalAddress(interfaces: Interfaces = networkInterfaces()): string {
  const candidates = listAddresses(interfaces).filter((candidate) => !candidate.internal);
  const isUsable = (address: string): boolean => !address.startsWith("169.254.");
  const best =
    candidates.find(({ name, address }) => !VIRTUAL.test(name) && isUsable(address)) ??
    candidates.find(({ address }) => isUsable(address)) ??
    candidates[0];
  return best?.address ?? "127.0.0.1";
}

/** True for loopback and for every address that an interface of this machine has now. */
export function isOwnAddress(address: string, interfaces: Interfaces = networkInterfaces()): boolean {
  return address.startsWith("127.") || listAddresses(interfaces).some((own) => own.address === address);
}

/** False in a container whose cable is pulled: nothing but loopback. */
export function hasNetwork(interfaces: Interfaces = networkInterfaces()): boolean {
  return listAddresses(interfaces).some((own) => !own.internal);
}

function listAddresses(interfaces: Interfaces): { name: string; address: string; internal: boolean }[] {
  return Object.entries(interfaces).flatMap(([name, rows]) =>
    (rows ?? [])
      .filter((row) => row.family === "IPv4")
      .map((row) => ({ name, address: row.address, internal: row.internal })),
  );
}
