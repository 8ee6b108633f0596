/**
 * Every `DS_*` variable: how it is read, what is allowed, and what it means here. The first seven are the original project's.
 *
 * One table, so that an error can always name the variable, its value and what is allowed. Spans are in seconds, as the original
 * has them, unless the name says `_MS`. An empty value is an absent one.
 */

import * as z from "zod";
import { AMOUNT_MAX, MEMBERS_MAX } from "../wire/ids.ts";
import type { JournalLevel } from "../wire/journal.ts";
import { PROFILE_NAMES } from "../wire/profile.ts";
import { ConfigError } from "./errors.ts";

interface Setting<T> {
  readonly schema: z.ZodType<T>;
  readonly allowed: string;
}

const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/;
const ID = z.coerce.number().int().min(1).max(65_535);

function seconds(min: number, max: number): Setting<number> {
  return { schema: z.coerce.number().min(min).max(max), allowed: `a number of seconds from ${min} to ${max}` };
}

function integer(min: number, max: number): Setting<number> {
  return { schema: z.coerce.number().int().min(min).max(max), allowed: `a whole number from ${min} to ${max}` };
}

function oneOf<const T extends string>(...words: readonly T[]): Setting<T> {
  return { schema: z.enum(words) as unknown as z.ZodType<T>, allowed: words.join(" or ") };
}

function text(allowed: string, pattern = /./): Setting<string> {
  return { schema: z.string().regex(pattern), allowed };
}

/** Items separated by commas; spaces around them don't matter. */
function list<T>(item: z.ZodType<T>, allowed: string): Setting<T[]> {
  const split = (value: string): string[] =>
    value
      .split(",")
      .map((part) => part.trim())
      .filter((part) => part !== "");
  return {
    schema: z
      .string()
      .transform(split)
      .pipe(z.array(item).max(MEMBERS_MAX) as unknown as z.ZodType<T[], string[]>),
    allowed,
  };
}

const flag: Setting<boolean> = {
  schema: z.enum(["0", "1", "true", "false"]).transform((word) => word === "1" || word === "true"),
  allowed: "1 or 0",
};

export interface PeerAddress {
  readonly id: number;
  readonly ip: string;
  /** Null: the port follows from the id. */
  readonly port: number | null;
}

const Peer = z.string().transform((value, context): PeerAddress => {
  const [id, ip = "", port] = value.split(":");
  const parsed = z.tuple([ID, z.string().regex(IPV4), z.coerce.number().int().min(1).max(65_535).nullable()]);
  const result = parsed.safeParse([id, ip, port ?? null]);
  if (result.success && value.split(":").length <= 3)
    return { id: result.data[0], ip: result.data[1], port: result.data[2] };
  context.issues.push({ code: "custom", message: "not id:IP", input: value });
  return z.NEVER;
});

const SETTINGS = {
  DS_MULTICAST_GROUP: text(
    "an IPv4 multicast address, 224.0.0.0 to 239.255.255.255",
    /^(22[4-9]|23\d)(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}$/,
  ),
  DS_MULTICAST_PORT: integer(1, 65_535),
  /** Node N uses this plus N. */
  DS_UNICAST_PORT_BASE: integer(0, 65_534),
  DS_HEARTBEAT_INTERVAL: seconds(0.05, 3600),
  /** Longest suspicion before FAILED. */
  DS_HEARTBEAT_TIMEOUT: seconds(0.1, 3600),
  /** Upper bound of every wait in an election. */
  DS_ELECTION_TIMEOUT: seconds(0.05, 3600),
  DS_INITIAL_CREDITS: integer(0, AMOUNT_MAX),

  DS_NODE_ID: { schema: ID, allowed: "a whole number from 1 to 65535" } as Setting<number>,
  DS_HOST: text("an IPv4 address of this machine, its name, or the name of an interface", IPV4),
  DS_LOG_LEVEL: {
    schema: z
      .string()
      .toUpperCase()
      .pipe(z.enum(["DEBUG", "INFO", "WARNING", "WARN", "ERROR"])),
    allowed: "DEBUG, INFO, WARNING or ERROR",
  } as Setting<"DEBUG" | "INFO" | "WARNING" | "WARN" | "ERROR">,
  DS_PROFILE: oneOf(...PROFILE_NAMES),
  /** Checked, without effect: what must arrive is repeated until it is acknowledged, however often that takes. */
  DS_MESSAGE_RETRY_COUNT: integer(0, 1000),
  /** Longest wait between two retransmissions; they begin at four round trips. */
  DS_MESSAGE_RETRY_DELAY: seconds(0.01, 60),
  /** Checked, without effect: JOIN, LEAVE and COORDINATOR are sent three times, and heartbeats repeat what they say. */
  DS_MULTICAST_RETRIES: integer(0, 100),
  /** Checked, without effect: every heartbeat carries a digest of the ledger. */
  DS_GOSSIP_INTERVAL: seconds(0.05, 3600),
  /** How long a node that hears of no coordinator waits for the expected ones (DS_NODES) before it stands itself. */
  DS_DISCOVERY: seconds(0.02, 60),
  DS_PROBE_INTERVAL: seconds(0.02, 60),
  /** Shortest suspicion, in probe intervals. */
  DS_SUSPICION_MULT: { schema: z.coerce.number().min(1).max(20), allowed: "a number from 1 to 20" } as Setting<number>,
  DS_NAK_BACKOFF_MS: integer(0, 1000),
  DS_VOTERS: list(ID, "ids separated by commas, for example 1,2,3"),
  DS_NODES: list(ID, "ids separated by commas, for example 2,3"),
  DS_PEERS: list(Peer, "id:address or id:address:port, separated by commas, for example 2:10.0.0.2,3:laptop.local"),
  DS_PREEMPT: flag,
  /** Records of the recent past that stay in memory; older ones are compacted. */
  DS_KEEP_RECORDS: integer(1, 1_000_000),
  DS_DATA_DIR: text("a folder"),
  DS_KEYS: text("id:base64 pairs, the sending key first, for example 1:q83vEjRWeJA…"),
  DS_KEYS_FILE: text("a file"),
  DS_CONTROL_TOKEN: text("at least 8 characters", /^.{8,}$/s),
  DS_CONTROL_TOKEN_FILE: text("a file"),
  DS_MAX_DATAGRAM: integer(1200, 1400),
  DS_READY_FILE: text("a file"),
  DS_FAULTS_FILE: text("a file"),
  DS_JOURNAL: oneOf("events", "wire"),
  /** Copied into every journal line: tells runs apart. */
  DS_RUN: text("at most 80 characters", /^.{1,80}$/s),
  /** The prompt, whether or not stdin is a terminal. */
  DS_PROMPT: flag,
};

export type Settings = { [K in keyof typeof SETTINGS]?: z.infer<(typeof SETTINGS)[K]["schema"]> };

/** For documentation and suggestions. */
export const SETTING_NAMES: readonly string[] = Object.keys(SETTINGS);

/** The words that the user typed for a variable, such as `--host`. Errors name them. */
export type SettingLabels = Readonly<Record<string, string>>;

/** Reads the variables that are there; throws ConfigError at the first that isn't allowed. */
export function readSettings(
  environment: Readonly<Record<string, string | undefined>>,
  labels: SettingLabels = {},
): Settings {
  const settings: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries(SETTINGS)) {
    const value = environment[name]?.trim();
    if (value === undefined || value === "") continue;
    const parsed = (setting as Setting<unknown>).schema.safeParse(value);
    if (!parsed.success)
      throw new ConfigError(`${labels[name] ?? name} is "${show(name, value)}"`, `allowed: ${setting.allowed}`);
    settings[name] = parsed.data;
  }
  return settings as Settings;
}

/** `DS_*` variables that nothing reads: misspelt, most likely. */
export function unknownSettings(environment: Readonly<Record<string, string | undefined>>): string[] {
  return Object.keys(environment).filter((name) => name.startsWith("DS_") && !(name in SETTINGS));
}

/** Secrets aren't repeated on the screen. */
function show(name: string, value: string): string {
  return name === "DS_KEYS" || name === "DS_CONTROL_TOKEN" ? "…" : value.slice(0, 80);
}

/** How loud the journal is. */
export function journalLevelOf({ DS_LOG_LEVEL: word = "INFO" }: Settings): JournalLevel {
  if (word === "DEBUG") return "debug";
  if (word === "ERROR") return "error";
  return word === "INFO" ? "info" : "warn";
}
