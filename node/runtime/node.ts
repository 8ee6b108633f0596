/**
 * One running node: puts the pure core, the sockets, the disk, the journal and the control channel together, in this order:
 *
 *   port (is this number free here?) -> ledger (lock, checks) -> core -> incarnation on disk -> faults of the last run -> first datagram
 */
import * as crypto from "node:crypto";
import { join } from "node:path";
import { freezeThresholdMs } from "../core/kernel/timing.ts";
import type { Input, Self } from "../core/kernel/types.ts";
import { CorruptLedgerError } from "../core/ledger/ledger.ts";
import { withRecalled } from "../core/ledger/recall.ts";
import type { NodeState } from "../core/state.ts";
import { create, nextDeadlineMs, step } from "../core/step.ts";
import type { ControlResult } from "../wire/control.ts";
import { controlAuthenticator } from "../wire/control-frame.ts";
import { isControlDatagram } from "../wire/envelope.ts";
import { type NodeConfig, readKeysFile } from "./config.ts";
import { type ControlServer, createControlServer } from "./control-server.ts";
import { createDriver, type Driver, type OuterEffect } from "./driver.ts";
import { messageOf } from "./errors.ts";
import { openFaultDesk } from "./fault-desk.ts";
import { openImpairmentFile } from "./impairment-file.ts";
import { createImpairments } from "./impairments.ts";
import { createIntake } from "./intake.ts";
import type { Journal } from "./journal-writer.ts";
import { createKeyring } from "./keyring.ts";
import { LEDGER_FILE } from "./ledger-schema.ts";
import { openLedgerStore } from "./ledger-store.ts";
import { isOwnAddress } from "./local-address.ts";
import { createOperations, type Operations, toControlResult } from "./operations.ts";
import { createOutgoing, type Outgoing } from "./outgoing.ts";
import { damaged } from "./sqlite-errors.ts";
import { openMemoryStore, type Store, type StoreEvents } from "./store.ts";
import { createTroubleLog } from "./trouble-log.ts";
import { openUdpTransport, type UdpTransport } from "./udp-transport.ts";
import { removeReadyFile, saveWhereabouts, writeReadyFile } from "./whereabouts.ts";
import { lineOfDrop, lineOfLost, lineOfReceived, lineOfSent } from "./wire-lines.ts";

export interface NodeOptions {
  readonly config: NodeConfig;
  readonly journal: Journal;
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

/** A leave that takes longer than this is cut short: `docker stop` kills after ten seconds. */
const LEAVE_MS_MAX = 8_000;

/** Resolves when the first datagrams are on their way. Throws OperatorError when the node can't run. */
export async function startNode(options: NodeOptions): Promise<RunningNode> {
  const { config, journal } = options;
  const { id } = config;
  const startedAtMs = performance.now();
  const bootId = crypto.randomBytes(8).toString("hex");
  const keyring = createKeyring(config.keys);
  const counters = new Map<string, number>();
  const count = (counter: string): void => void counters.set(counter, (counters.get(counter) ?? 0) + 1);
  const trouble = createTroubleLog(journal, count);

  // The transport comes first, so what it delivers to is set later; nothing arrives before this function yields again.
  let onPeerDatagram: (datagram: Uint8Array, address: string) => void = () => {};
  let control: ControlServer | null = null;
  const transport: UdpTransport = await openUdpTransport(config.network, {
    onDatagram: (datagram, address) => {
      if (isControlDatagram(datagram)) control?.receive(datagram, address);
      else onPeerDatagram(datagram, address);
    },
    onTrouble: trouble.onTransport,
    onNotice: (message) => journal.note("debug", message),
  });

  let driver: Driver | null = null;
  let store: Store;
  let state: NodeState;
  try {
    store = openStore({
      onStored: (writeIds) => driver?.onStored(writeIds),
      onFailed: (writeIds, reason) => driver?.onStoreFailed(writeIds, reason),
    });
    state = createState(config, store, bootId);
    store.begin();
  } catch (error) {
    await transport.close();
    throw error;
  }
  const { self } = state;
  journal.begin(store.incarnation);
  noteStart();

  const isWired = config.journal === "wire";
  const impairments = createImpairments({
    deliver: receive,
    count,
    ...(isWired && { onLost: (header, reason) => journal.write(lineOfLost(header, reason, id)) }),
    seed: id,
    wallNowMs: Date.now,
    nowMs: () => performance.now(),
    schedule: (run, delayMs) => setTimeout(run, delayMs),
  });
  const faultDesk = openFaultDesk({
    impairments,
    shelf: config.faultsFile === null ? null : openImpairmentFile(config.faultsFile),
    note: journal.note,
  });
  onPeerDatagram = (datagram, address) => impairments.receive(datagram, address);

  const intake = createIntake({
    keyring,
    self,
    datagramBytesMax: config.network.datagramBytesMax,
    knownIncarnation: (sender) => state.members.get(sender)?.incarnation ?? 0,
    onDrop: (drop) => {
      const line = isWired ? lineOfDrop(drop, id) : null;
      if (line !== null) journal.write(line);
      trouble.onDrop(drop);
    },
    nowMs: () => performance.now(),
  });
  const outgoing: Outgoing = createOutgoing({
    keyring,
    self: () => state.self,
    datagramBytesMax: config.network.datagramBytesMax,
    sendGroup: transport.sendGroup,
    sendTo: transport.sendTo,
    onSent: (message, sent) => {
      // A datagram of several messages is told of with the first.
      if (sent.index === 0) count("datagrams_sent");
      if (isWired) journal.write(lineOfSent(message, sent, state.self));
    },
    onOversize: trouble.onOversize,
  });
  let journalIncarnation = store.incarnation;
  driver = createDriver({
    machine: {
      step: (input, nowMs) => step(state, recalling(input), nowMs),
      nextDeadlineMs: () => nextDeadlineMs(state),
    },
    persist: (effect) => store.persist(effect.writeId, effect.rows),
    perform,
    freezeMs: freezeThresholdMs(config.core.timing),
  });
  const execute = createOperations({
    state,
    archive: store.archive,
    command: (command) => driver?.feed({ type: "command", command }),
    impair: faultDesk.onImpair,
    leave: () => setImmediate(leave),
    facts: () => ({
      auth: keyring.auth,
      keys: keyring.keyIds,
      profile: config.profile,
      uptimeMs: Math.round(performance.now() - startedAtMs),
      counters: countersNow(),
      impairments: impairments.list(),
      impairGeneration: impairments.generation,
      rssBytes: process.memoryUsage.rss(),
    }),
  });
  control = createControlServer({
    authenticator: controlAuthenticator(config.controlToken, crypto),
    isOpen: config.controlToken === null,
    bootId,
    nextSeal: outgoing.nextSeal,
    send: transport.sendTo,
    count,
    isLocal: (from) => isOwnAddress(from.slice(0, from.lastIndexOf(":"))),
    execute,
  });
  let isLeaving = false;
  let isFinished = false;
  driver.feed({ type: "start" });
  return { execute, leave, reloadKeys };

  function receive(datagram: Uint8Array, from: string): void {
    const messages = intake.accept(datagram, from);
    if (messages.length > 0) count("datagrams_received");
    for (const accepted of messages) {
      if (isWired) journal.write(lineOfReceived(accepted, id));
      driver?.feed({ type: "message", message: accepted.message, from: accepted.from });
    }
  }

  function perform(effect: OuterEffect): void {
    switch (effect.type) {
      case "multicast":
        outgoing.multicast(effect.message, effect.fanOut);
        return;
      case "unicast":
        outgoing.unicast(effect.message, effect.to, effect.address);
        return;
      case "journal":
        if (journalIncarnation !== state.self.incarnation) {
          journalIncarnation = state.self.incarnation;
          journal.begin(journalIncarnation);
        }
        journal.write(effect.event);
        return;
      case "reply": {
        const result = toControlResult(effect.result);
        if (control?.reply(effect.requestId, effect.final, result) !== true)
          options.onReply(effect.requestId, effect.final, result);
        return;
      }
      case "ready":
        becomeReady();
        return;
      case "exit":
        void finish(effect.code, effect.reason);
        return;
    }
  }

  function countersNow(): ReadonlyMap<string, number> {
    const dropped = journal.dropped();
    return dropped === 0 ? counters : new Map([...counters, ["journal_lines_lost", dropped]]);
  }

  function openStore(events: StoreEvents): Store {
    if (config.dataDir === null) return openMemoryStore(events);
    return openLedgerStore({ directory: config.dataDir, id, bootId, events });
  }

  /** What can't be read is left out; the core says so. */
  function recalling(input: Input): Input {
    if (store.archive === null) return input;
    try {
      return withRecalled(state, input, store.archive.recall);
    } catch (error) {
      journal.note("error", `The ledger can't be read: ${messageOf(error)}`);
      return input;
    }
  }

  function noteStart(): void {
    removeReadyFile(config.readyFile);
    if (config.dataDir !== null) {
      const ip = config.network.host?.startsWith("127.") === true ? config.network.host : "127.0.0.1";
      try {
        saveWhereabouts(config.dataDir, { id, ip, port: config.network.unicastPort });
      } catch (error) {
        journal.note("warn", `\`control --data-dir\` won't find this node: ${messageOf(error)}`);
      }
    }
    if (config.network.host === null) journal.note("info", `Auto-detected local IP: ${transport.host}`);
    if (config.dataDir === null) journal.note("info", "No data directory: credits and history are in memory only");
    if (keyring.auth === "open")
      journal.note("warn", "auth: open (public development key; DS_KEYS makes the cluster private)");
  }

  function becomeReady(): void {
    if (config.readyFile === null) return;
    try {
      writeReadyFile(config.readyFile, id);
    } catch (error) {
      journal.note("warn", `Can't write the ready file: ${messageOf(error)}`);
    }
  }

  function leave(): void {
    if (isLeaving) {
      void finish(1, "stopped before the leave was done");
      return;
    }
    isLeaving = true;
    setTimeout(() => void finish(1, "nobody confirmed the leave in time"), LEAVE_MS_MAX).unref();
    driver?.feed({ type: "stop" });
  }

  function reloadKeys(): void {
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

  async function finish(code: number, reason: string): Promise<void> {
    if (isFinished) return;
    isFinished = true;
    driver?.stop();
    removeReadyFile(config.readyFile);
    if (reason !== "") journal.note(code === 0 ? "info" : "error", reason, { exit: code });
    try {
      store.close();
    } catch (error) {
      journal.note("error", `The ledger wasn't closed properly: ${messageOf(error)}`);
    }
    outgoing.flush();
    await transport.close();
    journal.flush();
    options.onExit(code, reason);
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
