/** Names in `DS_HOST` and `DS_PEERS` become addresses before anything else reads them: datagrams carry addresses only. */
import { lookup } from "node:dns/promises";
import { isIPv4 } from "node:net";
import { ConfigError } from "./errors.ts";
import { addressOfInterface } from "./local-address.ts";
import type { SettingLabels } from "./settings.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Letters, digits, hyphens and dots, with a letter: what is no name is left for the check of the setting to refuse. */
const NAME = /^(?=.*[a-z])[a-z\d_]([a-z\d_-]*[a-z\d])?(\.[a-z\d_-]+)*\.?$/i;

/** @throws ConfigError when a name has no IPv4 address, or one that other machines can't use */
export async function resolveNames(environment: Environment, labels: SettingLabels = {}): Promise<Environment> {
  const host = environment.DS_HOST?.trim() ?? "";
  const peers = environment.DS_PEERS?.trim() ?? "";
  const resolved = { ...environment };
  if (NAME.test(host) && !isIPv4(host)) resolved.DS_HOST = await resolveHost(host, labels.DS_HOST ?? "DS_HOST");
  if (/[a-z]/i.test(peers)) {
    const label = labels.DS_PEERS ?? "DS_PEERS";
    const items = await Promise.all(peers.split(",").map((item) => resolvePeer(item.trim(), label)));
    resolved.DS_PEERS = items.join(",");
  }
  return resolved;
}

/** An interface of this machine, or a name of it. */
async function resolveHost(name: string, label: string): Promise<string> {
  const address = addressOfInterface(name) ?? (await resolve(name, label));
  // Many systems give their own name a loopback address.
  if (address.startsWith("127.") && !/^(localhost|lo\d*)$/i.test(name))
    throw new ConfigError(
      `${label}: ${name} is ${address} on this machine, which no other machine can reach`,
      "give the address itself, or the name of an interface such as eth0",
    );
  return address;
}

async function resolvePeer(item: string, label: string): Promise<string> {
  const [id = "", name = "", ...port] = item.split(":");
  if (!NAME.test(name) || isIPv4(name)) return item;
  return [id, await resolve(name, label), ...port].join(":");
}

async function resolve(name: string, label: string): Promise<string> {
  try {
    return (await lookup(name, { family: 4 })).address;
  } catch {
    throw new ConfigError(`${label}: ${name} has no IPv4 address here`, "check the name, or give the address itself");
  }
}
