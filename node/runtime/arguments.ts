/**
 * The command line: `node main.ts 1 --nodes 2,3 …`, the original's words plus a few. An argument is only another way to set a
 * `DS_*` variable (and wins over it), so there is one place that checks values: config.ts.
 */
import { parseArgs } from "node:util";
import { ConfigError, messageOf } from "./errors.ts";
import type { SettingLabels } from "./settings.ts";

export interface Arguments {
  /** `DS_*` variables that the command line sets. */
  readonly settings: Readonly<Record<string, string>>;
  /** The words that were typed for each of them, for errors. */
  readonly labels: SettingLabels;
  readonly quiet: boolean;
  readonly help: boolean;
}

export const USAGE = `Usage: node main.js <id> [options]
       node main.js control <operation> [arguments]

  <id>                   number of this node, 1 to 65535: also its priority (or DS_NODE_ID)
  --nodes 2,3            ids of the other nodes that are expected
  --host ADDRESS         address or name of the interface to use
  --peers 2:A,3:B        addresses or names of other nodes (id:address or id:address:port): works without multicast
  --profile NAME         timing: default, fast or original
  --data-dir DIR         keep the ledger there (without it: in memory only)
  --debug                log more
  --quiet                log to logs/node-<id>.log instead of the screen
  --wire                 log every datagram

  control help           what a running node can be asked`;

const VALUES = {
  nodes: "DS_NODES",
  host: "DS_HOST",
  peers: "DS_PEERS",
  profile: "DS_PROFILE",
  "data-dir": "DS_DATA_DIR",
} as const;

const text = { type: "string" } as const;
const flag = { type: "boolean" } as const;
const OPTIONS = {
  ...{ nodes: text, host: text, peers: text, profile: text, "data-dir": text },
  ...{ debug: flag, wire: flag, quiet: flag, help: { ...flag, short: "h" } },
} as const;

/** Throws ConfigError for what it doesn't know. */
export function parseArguments(argv: readonly string[]): Arguments {
  const { values, positionals } = parse(argv);
  const [id, unexpected] = positionals;
  if (unexpected !== undefined) throw refuse(`unexpected argument "${unexpected}"`);
  const settings: Record<string, string> = {};
  const labels: Record<string, string> = {};
  for (const [option, variable] of Object.entries(VALUES)) {
    const value = values[option as keyof typeof VALUES];
    if (value === undefined) continue;
    settings[variable] = value;
    labels[variable] = `--${option}`;
  }
  if (id !== undefined) {
    settings.DS_NODE_ID = id;
    labels.DS_NODE_ID = "the number of this node";
  }
  if (values.debug === true) settings.DS_LOG_LEVEL = "DEBUG";
  if (values.wire === true) settings.DS_JOURNAL = "wire";
  return { settings, labels, quiet: values.quiet === true, help: values.help === true };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    // Node's own words; what follows is about arguments that begin with a hyphen, and there are none here.
    throw refuse(messageOf(error).split(/\. |\n/, 1)[0] ?? "");
  }
}

function refuse(message: string): ConfigError {
  return new ConfigError(message, `${USAGE.split("\n", 1)[0]} (--help says more)`);
}
