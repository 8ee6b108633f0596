/**
 * From `DS_*` variables and arguments to one checked configuration.
 */

import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { CoreConfig } from "../core/kernel/types.ts";
import type { NodeId } from "../wire/ids.ts";
import type { JournalLevel } from "../wire/journal.ts";
import type { ProfileName } from "../wire/profile.ts";
import { coreConfigOf } from "./core-config.ts";
import { ConfigError, messageOf } from "./errors.ts";
import { type ClusterKey, OPEN_KEYS, parseKeys } from "./keyring.ts";
import { journalLevelOf, readSettings, type SettingLabels, type Settings } from "./settings.ts";

export interface NodeConfig {
  readonly id: NodeId;
  readonly profile: ProfileName;
  readonly core: CoreConfig;
  readonly network: NetworkConfig;
  /** First: the one that seals. */
  readonly keys: readonly ClusterKey[];
  /** For SIGHUP; null: keys can't change while the node runs. */
  readonly keysFile: string | null;
  readonly controlToken: string | null;
  /** Null: memory only. */
  readonly dataDir: string | null;
  readonly readyFile: string | null;
  /** Where receive-side faults are kept for the next start; null: nowhere. */
  readonly faultsFile: string | null;
  readonly run: string | null;
  readonly journal: "events" | "wire";
  readonly logLevel: JournalLevel;
  /** Null: when somebody speaks on stdin. */
  readonly prompt: boolean | null;
  /** Sentences about effects of these settings that a person may not expect. */
  readonly remarks: readonly string[];
}

export interface NetworkConfig {
  readonly group: string;
  readonly groupPort: number;
  readonly unicastPort: number;
  /** Null: detected. */
  readonly host: string | null;
  readonly datagramBytesMax: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Names of hosts must have become addresses by now (resolve-names.ts). Throws ConfigError. Reads the key and token files when
 * variables name them.
 */
export function loadConfig(environment: Environment, labels: SettingLabels = {}): NodeConfig {
  const settings = readSettings(environment, labels);
  const id = settings.DS_NODE_ID;
  if (id === undefined)
    throw new ConfigError("this node has no number", "give one from 1 to 65535: node main.js 1 (or DS_NODE_ID=1)");
  const portBase = settings.DS_UNICAST_PORT_BASE ?? 6000;
  if (portBase + id > 65_535)
    throw new ConfigError(
      `node ${id} would need port ${portBase + id}`,
      `use a smaller number, or DS_UNICAST_PORT_BASE below ${portBase} (it is added to the number)`,
    );
  const datagramBytesMax = settings.DS_MAX_DATAGRAM ?? 1200;
  const dataDir = settings.DS_DATA_DIR === undefined ? null : resolve(settings.DS_DATA_DIR);
  return {
    id,
    profile: settings.DS_PROFILE ?? "default",
    core: coreConfigOf(settings, { id, portBase, durable: dataDir !== null }),
    network: {
      group: settings.DS_MULTICAST_GROUP ?? "224.1.1.1",
      groupPort: settings.DS_MULTICAST_PORT ?? 5007,
      unicastPort: portBase + id,
      host: settings.DS_HOST ?? null,
      datagramBytesMax,
    },
    keys: loadKeys(settings),
    // What was given outright can't change.
    keysFile: settings.DS_KEYS === undefined ? (settings.DS_KEYS_FILE ?? null) : null,
    controlToken: loadToken(settings),
    dataDir,
    readyFile: settings.DS_READY_FILE ?? null,
    faultsFile: settings.DS_FAULTS_FILE ?? (dataDir === null ? null : join(dataDir, "faults.json")),
    run: settings.DS_RUN ?? null,
    journal: settings.DS_JOURNAL ?? "events",
    logLevel: journalLevelOf(settings),
    prompt: settings.DS_PROMPT ?? null,
    remarks: remarksOn(settings),
  };
}

function remarksOn({ DS_PROFILE: profile, ...settings }: Settings): readonly string[] {
  const given = (["DS_HEARTBEAT_TIMEOUT", "DS_ELECTION_TIMEOUT"] as const).filter(
    (name) => settings[name] !== undefined,
  );
  if (given.length === 0 || profile === "original") return [];
  return [
    `${given.join(" and ")} only limit the waits here: probes find a crash sooner. To wait that long, use the profile original`,
  ];
}

/** The token alone, for the control client. */
export function loadToken(settings: Settings): string | null {
  if (settings.DS_CONTROL_TOKEN !== undefined) return settings.DS_CONTROL_TOKEN;
  if (settings.DS_CONTROL_TOKEN_FILE === undefined) return null;
  const token = readText("DS_CONTROL_TOKEN_FILE", settings.DS_CONTROL_TOKEN_FILE).trim();
  if (token.length < 8)
    throw new ConfigError(
      `DS_CONTROL_TOKEN_FILE: ${settings.DS_CONTROL_TOKEN_FILE} holds ${token.length} characters`,
      "a token has at least 8 characters",
    );
  return token;
}

/** The keys that the file holds now. Throws ConfigError. */
export function readKeysFile(path: string): readonly ClusterKey[] {
  return parseKeys("DS_KEYS_FILE", readText("DS_KEYS_FILE", path));
}

function loadKeys(settings: Settings): readonly ClusterKey[] {
  if (settings.DS_KEYS !== undefined) return parseKeys("DS_KEYS", settings.DS_KEYS);
  return settings.DS_KEYS_FILE === undefined ? OPEN_KEYS : readKeysFile(settings.DS_KEYS_FILE);
}

function readText(variable: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new ConfigError(`${variable}: can't read ${path}`, messageOf(error));
  }
}
