/**
 * One running node: opens the sockets, the ledger and the journal of a process and gives them to the shell (node-shell.ts), in this order:
 *
 *   port (is this number free here?) -> ledger (lock, checks) -> core -> incarnation on disk -> faults of the last run -> first datagram
 */
import * as crypto from "node:crypto";
import { join } from "node:path";
import type { CommandResult, Self } from "../core/kernel/types.ts";
import { CorruptLedgerError } from "../core/ledger/ledger.ts";
import type { NodeState } from "../core/state.ts";
import { create } from "../core/step.ts";
import type { ControlResult } from "../wire/control.ts";
import { controlAuthenticator } from "../wire/control-frame.ts";
import type { Header } from "../wire/envelope.ts";
import type { JournalEvent } from "../wire/journal.ts";
import type { Message } from "../wire/message.ts";
import { type NodeConfig, readKeysFile } from "./config.ts";
import { messageOf } from "./errors.ts";
import { openImpairmentFile } from "./impairment-file.ts";
import type { Accepted, Drop } from "./intake.ts";
import type { Journal } from "./journal-writer.ts";
import { createKeyring, type Keyring } from "./keyring.ts";
import { LEDGER_FILE } from "./ledger-schema.ts";
import { openLedgerStore } from "./ledger-store.ts";
import { describeChoice, isOwnAddress } from "./local-address.ts";
import { createMachine } from "./machine.ts";
import { createShell } from "./node-shell.ts";
import { type Operations, toControlResult } from "./operations.ts";
import { PROCESS_CLOCK, PROCESS_SCHEDULE } from "./process-ports.ts";
import { damaged } from "./sqlite-errors.ts";
import { openMemoryStore, type Store } from "./store.ts";
import { createTroubleLog, type TroubleLog } from "./trouble-log.ts";
import { openUdpTransport, type UdpTransport } from "./udp-transport.ts";
import { removeReadyFile, saveWhereabouts, writeReadyFile } from "./whereabouts.ts";
import { lineOfDrop, lineOfLost, lineOfReceived, lineOfSent, type Sent } from "./wire-lines.ts";

export interface NodeOptions {
  readonly config: NodeConfig;
  readonly journal: Journal;
  readonly onReady: () => void;
  /** Answers to requests that didn't come over the control channel. */
  readonly onReply: (requestId: string, final: boolean, result: ControlResult) => void;
  /** Everything is closed and flushed; the process should end now. */
  readonly onExit: (code: number, reason: string) => void;
}

export interface RunningNode {
  readonly execute: Operations;
  /** Leaves the cluster, then exits; a second call exits at once. */
  leave(): void;
  /** Reads the key file again. */
  reloadKeys(): void;
}

/** Resolves when the first datagrams are on their way. Throws OperatorError when the node can't run. */
export async function startNode(options: NodeOptions): Promise<RunningNode> {
  const { config, journal } = options;
  const bootId = crypto.randomBytes(8).toString("hex");
  const counters = new Map<string, number>();
  const trouble = createTroubleLog(journal, PROCESS_CLOCK);
  const socket = await openUdpTransport(config.network, {
    onTrouble(kind, message) {
      counters.set(kind, (counters.get(kind) ?? 0) + 1);
      trouble.onTrouble(kind, message);
    },
    onNotice: (message, level) => journal.note(level, message),
  });
  try {
    const store = openStore(config, bootId);
    const state = createState(config, store, bootId);
    store.begin();
    journal.begin(store.incarnation);
    return run({ ...options, counters, trouble, socket, store, state });
  } catch (error) {
    await socket.close();
    throw error;
  }
}

interface Parts extends NodeOptions {
  readonly trouble: TroubleLog;
  /** Of the transport. */
  readonly counters: ReadonlyMap<string, number>;
  readonly socket: UdpTransport;
  readonly store: Store;
  readonly state: NodeState;
}

function run(parts: Parts): RunningNode {
  const { config, journal, state, store, socket } = parts;
  const keyring = createKeyring(config.keys);
  noteStart(parts, keyring);
  const shell = createShell({
    state,
    machine: createMachine(state, store, (message) => journal.note("error", message)),
    clock: PROCESS_CLOCK,
    schedule: PROCESS_SCHEDULE,
    store,
    socket,
    keyring,
    datagramBytesMax: config.network.datagramBytesMax,
    control: {
      authenticator: controlAuthenticator(config.controlToken, crypto),
      isOpen: config.controlToken === null,
      isLocal: (from) => isOwnAddress(from.slice(0, from.lastIndexOf(":"))),
    },
    shelf: config.faultsFile === null ? null : openImpairmentFile(config.faultsFile),
    faultSeed: config.id,
    facts: () => ({
      auth: keyring.auth,
      keys: keyring.keyIds,
      profile: config.profile,
      rssBytes: process.memoryUsage.rss(),
      hostCounters: hostCounters(parts),
    }),
    events: { ...journalEvents(parts), ...processEvents(parts) },
  });
  shell.start();
  return { execute: shell.execute, leave: shell.leave, reloadKeys: () => reloadKeys(config, journal, keyring) };
}

/** The node's lines for its journal. */
function journalEvents({ config, journal, trouble, state, store }: Parts) {
  const isWired = config.journal === "wire";
  let incarnation = store.incarnation;
  return {
    onJournal(event: JournalEvent): void {
      if (incarnation !== state.self.incarnation) {
        incarnation = state.self.incarnation;
        journal.begin(incarnation);
      }
      journal.write(event);
    },
    onSent(message: Message, sent: Sent): void {
      if (isWired) journal.write(lineOfSent(message, sent, state.self));
    },
    onReceived(accepted: Accepted): void {
      if (isWired) journal.write(lineOfReceived(accepted, config.id));
    },
    onDropped(drop: Drop): void {
      const line = isWired ? lineOfDrop(drop, config.id) : null;
      if (line !== null) journal.write(line);
      trouble.onDrop(drop);
    },
    onLost: isWired
      ? (header: Header, reason: string) => journal.write(lineOfLost(header, reason, config.id))
      : undefined,
    onOversize: trouble.onOversize,
    onTrouble: trouble.onTrouble,
  };
}

/** The node's signs to the outside: answers, the ready file, its end. */
function processEvents({ config, journal, socket, ...outside }: Parts) {
  return {
    onReply(requestId: string, final: boolean, result: CommandResult, isAnswered: boolean): void {
      if (!isAnswered) outside.onReply(requestId, final, toControlResult(result));
    },
    onReady(): void {
      outside.onReady();
      if (config.readyFile === null) return;
      try {
        writeReadyFile(config.readyFile, config.id);
      } catch (error) {
        journal.note("warn", `Can't write the ready file: ${messageOf(error)}`);
      }
    },
    onExit(code: number, reason: string): void {
      removeReadyFile(config.readyFile);
      void socket.close().then(() => {
        journal.flush();
        outside.onExit(code, reason);
      });
    },
  };
}

function hostCounters({ counters, journal }: Parts): ReadonlyMap<string, number> {
  const dropped = journal.dropped();
  return dropped === 0 ? counters : new Map([...counters, ["journal_lines_lost", dropped]]);
}

function openStore(config: NodeConfig, bootId: string): Store {
  if (config.dataDir === null) return openMemoryStore();
  const voters = [...config.core.voters].sort((a, b) => a - b);
  return openLedgerStore({ directory: config.dataDir, id: config.id, bootId, voters });
}

function noteStart({ config, journal, socket }: Parts, keyring: Keyring): void {
  removeReadyFile(config.readyFile);
  if (config.dataDir !== null) {
    const ip = config.network.host?.startsWith("127.") === true ? config.network.host : "127.0.0.1";
    try {
      saveWhereabouts(config.dataDir, { id: config.id, ip, port: config.network.unicastPort });
    } catch (error) {
      journal.note("warn", `\`control --data-dir\` won't find this node: ${messageOf(error)}`);
    }
  }
  if (socket.chosen !== null) journal.note("info", describeChoice(socket.chosen));
  for (const remark of config.remarks) journal.note("info", remark);
  if (config.dataDir === null) journal.note("info", "No data directory: credits and history are in memory only");
  if (keyring.auth === "open")
    journal.note("warn", "auth: open (public development key; DS_KEYS makes the cluster private)");
}

function reloadKeys(config: NodeConfig, journal: Journal, keyring: Keyring): void {
  if (config.keysFile === null) {
    journal.note("warn", "Keys not reloaded: DS_KEYS_FILE names no file, or DS_KEYS is given");
    return;
  }
  try {
    keyring.replaceKeys(readKeysFile(config.keysFile));
    journal.note("info", `Keys reloaded; key ${keyring.primaryKeyId} seals`);
  } catch (error) {
    journal.note("error", `Keys not reloaded, the old ones stay: ${messageOf(error)}`);
  }
}

/** Throws OperatorError when records that are sound each contradict each other: edited by hand, or written by a bug. */
function createState(config: NodeConfig, store: Store, bootId: string): NodeState {
  const { host, unicastPort } = config.network;
  const address = host === null ? null : `${host}:${unicastPort}`;
  const self: Self = { id: config.id, incarnation: store.incarnation, bootId, address };
  try {
    return create(config.core, self, crypto.randomBytes(6).readUIntBE(0, 6), store.recovered ?? undefined);
  } catch (error) {
    if (!(error instanceof CorruptLedgerError)) throw error;
    throw damaged(join(config.dataDir ?? "", LEDGER_FILE), error.message);
  }
}
