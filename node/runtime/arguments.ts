/**
 * The command line: `node main.ts 1 --nodes 2,3 …`, the original's words plus a few. An argument is only another way to set a
 * `DS_*` variable (and wins over it), so there is one place that checks values: config.ts.
 */
import { ConfigError } from "./errors.ts";

export interface Arguments {
  /** `DS_*` variables that the command line sets. */
  readonly settings: Readonly<Record<string, string>>;
  readonly quiet: boolean;
  readonly help: boolean;
}

export const USAGE = `Usage: node main.js <id> [options]
       node main.js control <operation> [arguments]

  <id>                   number of this node, 1 to 65535: also its priority (or DS_NODE_ID)
  --nodes 2,3            ids of the other nodes that are expected
  --host IP              address of the interface to use
  --peers 2:IP,3:IP      addresses of other nodes (id:IP or id:IP:port): works without multicast
  --profile NAME         timing: default or fast
  --data-dir DIR         keep the ledger there (without it: in memory only)
  --debug                log more
  --quiet                log to logs/node-<id>.log instead of the screen
  --wire                 log every datagram

  control help           what a running node can be asked`;

const VALUES: Readonly<Record<string, string>> = {
  "--nodes": "DS_NODES",
  "--host": "DS_HOST",
  "--peers": "DS_PEERS",
  "--profile": "DS_PROFILE",
  "--data-dir": "DS_DATA_DIR",
};

/** Throws ConfigError for what it doesn't know. */
export function parseArguments(argv: readonly string[]): Arguments {
  const settings: Record<string, string> = {};
  let quiet = false;
  let help = false;
  for (let i = 0; i < argv.length; i++) {
    const [name = "", inline] = splitInline(argv[i] ?? "");
    const variable = VALUES[name];
    if (variable !== undefined) {
      const value = inline ?? argv[++i];
      if (value === undefined) throw new ConfigError(`${name} needs a value`, firstLines(USAGE));
      settings[variable] = value;
    } else if (name === "--debug") settings.DS_LOG_LEVEL = "DEBUG";
    else if (name === "--wire") settings.DS_JOURNAL = "wire";
    else if (name === "--quiet") quiet = true;
    else if (name === "--help" || name === "-h") help = true;
    else if (name.startsWith("-")) throw new ConfigError(`unknown option ${name}`, firstLines(USAGE));
    else if (settings.DS_NODE_ID === undefined) settings.DS_NODE_ID = name;
    else throw new ConfigError(`unexpected argument "${name}"`, firstLines(USAGE));
  }
  return { settings, quiet, help };
}

function splitInline(argument: string): [string, string | undefined] {
  const at = argument.startsWith("--") ? argument.indexOf("=") : -1;
  return at < 0 ? [argument, undefined] : [argument.slice(0, at), argument.slice(at + 1)];
}

function firstLines(usage: string): string {
  return `${usage.split("\n", 1)[0]} (--help says more)`;
}
