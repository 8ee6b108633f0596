/**
 * Every hint that names a `lab` command, by name. The list is closed: `test/unit/hints.test.ts` parses each command with the real
 * program and refuses a command that is written anywhere else; `test/integration/hints.test.ts` brings each hint about, and runs it.
 */
import type { NodeId } from "../../node/wire/ids.ts";
import type { Hint } from "./hint.ts";

function hint(text: string, ...command: readonly string[]): Hint {
  return { text, command };
}

/** The same hint about another lab than the one of the command line. */
function about(lab: string | undefined, named: Hint): Hint {
  return lab === undefined ? named : { ...named, lab };
}

/** A runtime that isn't the one of the command line. */
const on = (runtime: string | undefined): readonly string[] => (runtime === undefined ? [] : ["--runtime", runtime]);

const list = (ids: readonly NodeId[]): string => ids.join(",");

export const NEXT = {
  // Labs.
  listLabs: () => hint("list the labs", "ls"),
  startFirstLab: () => hint("start one", "up"),
  startLab: (lab?: string) => about(lab, hint("start it", "up")),
  removeLab: (lab?: string, runtime?: string) => about(lab, hint("remove it", "down", ...on(runtime))),
  removeLabFirst: (lab: string, runtime?: string) => about(lab, hint("remove it first", "down", ...on(runtime))),
  removeUnneededLabs: () => hint("remove a lab that you don't need, from this list", "ls"),
  removeStartedNodes: (lab: string) => about(lab, hint("if nodes were started, remove them", "down")),
  useLocalLab: () => hint("see it", "ps", "--runtime", "local"),
  scaleTo: (count: number) => hint("change it", "scale", `${count}`),
  scaleExample: () => hint("write for example", "scale", "7"),
  trade: (from: NodeId, to: NodeId) => hint("make one", "sell", `${from}`, `${to}`, "30"),
  addNode: (count: number) => hint("add a node", "scale", `${count}`),
  tryCommands: () => [
    hint("", "sell", "1", "2", "30"),
    hint("", "kill", "leader"),
    hint("", "ps", "-w"),
    hint("", "down"),
  ],

  // Nodes.
  listNodes: () => hint("list its nodes", "ps"),
  startNodes: (ids: readonly NodeId[]) => hint("bring back", "start", list(ids)),
  startAllNodes: () => hint("start the nodes", "start", "all"),
  seeRecovery: (ids: readonly NodeId[]) => hint("start it without its ledger", "start", list(ids)),
  saveDisk: () => hint("save one first", "disk", "save", "1", "node1.disk"),
  restoreDisk: (id: NodeId, file: string) => hint("when it has ended, put it back", "disk", "restore", `${id}`, file),
  stopNode: (id: NodeId) => hint("stop it first", "stop", `${id}`),
  resumeNodes: (ids: readonly NodeId[]) => hint("resume", "resume", list(ids)),
  restartNode: (id: NodeId) => hint("or restart the node", "restart", `${id}`),
  removeNode: (id: NodeId) => hint("remove it with its disk", "rm", `${id}`),
  killLeader: () => hint("to see an election", "kill", "leader"),
  waitForAgreement: () => hint("wait until all agree", "wait", "agree"),
  waitFor: (conditions: readonly string[]) => hint("wait for it", "wait", ...conditions),

  // Questions to nodes.
  readStatus: (id: NodeId) => hint("see its state", "status", `${id}`),
  readAllStatus: () => hint("compare the versions of the nodes", "status"),
  readBalance: (id: NodeId) => hint("see its balance", "balance", `${id}`),
  readHistory: (id: NodeId) => hint("see what became of it", "history", `${id}`),
  readMembers: (id: NodeId) => hint(`see which nodes node ${id} knows`, "nodes", `${id}`),
  readLogs: (id: NodeId) => hint("read what it wrote", "logs", `${id}`),
  readAllLogs: () => hint("read what the nodes wrote", "logs"),
  readEvents: (run?: string) =>
    hint("see what happened before and after", "events", ...(run === undefined ? [] : ["--run", run])),
  readOrders: () => hint("see the refusals", "events", "--type", "order"),
  acceptLoss: (id: NodeId) => hint("or give up what only they may hold", "recover", `${id}`, "--accept-loss"),
  takeKeyStep: (step: string) => hint("the next step is", "keys", step),
  repeatKeyRotation: () => hint("no node is cut off; repeat it later", "keys", "rotate"),

  // Faults.
  listFaults: () => hint("list the faults", "faults"),
  heal: (fault: string) => hint("", "heal", fault),
  healAll: (lab?: string) => about(lab, hint("end all faults", "heal")),
  plug: (ids: readonly NodeId[]) => hint("plug it in again", "plug", list(ids)),
  isolate: (ids: readonly NodeId[]) => hint("cut them off from all others instead", "isolate", list(ids)),
  impair: (nodes: string) => hint("say what to impair", "netem", nodes, "--delay", "100ms", "--loss", "10%"),
  impairTo: () => hint("name two different nodes, for example", "netem", "2", "--to", "1", "--delay", "100ms"),
  partition: () => hint("for example", "partition", "minority", "majority"),
  partitionOneWay: () => hint("name the senders first, for example", "partition", "minority", "majority", "--one-way"),
  partitionRing: () => hint("or", "partition", "ring"),
  partitionBridge: () => hint("or", "partition", "bridge"),

  // Journal and checks.
  playRun: (run: string) => hint("hold its time in the playground", "play", run),
  openRun: (run: string) => hint("or open it in a browser", "dash", "--run", run),
  listChecks: () => hint("list the checks", "check", "--list"),
  journalDetailed: () => about("detailed", hint("to check more, start another lab", "up", "--journal", "detailed")),
  journalWire: () => about("wire", hint("to record messages, start another lab", "up", "--journal", "wire")),

  // This machine, and worlds of their own.
  listHosts: () => hint("see the swarm's hosts", "hosts"),
  runDoctor: () => hint("see what works here", "doctor"),
  collectGarbage: () => hint("remove what interrupted commands left behind", "gc"),
  showHelp: (...command: readonly string[]) => hint("see what it takes", "help", ...command),
  listCommands: () => hint("list the commands", "--help"),
  openSimShell: (seed?: number) =>
    hint(
      seed === undefined ? "type the commands in" : "the same commands lead there again in",
      ...["shell", "--runtime", "sim"],
      ...(seed === undefined ? [] : ["--seed", `${seed}`]),
    ),
  listTraffic: () => hint("list what is on its way", "flight"),
  playSchedules: () => hint("or play whole schedules", "sim"),
  /** @param command what plays the run again, from the words after `lab` */
  playInVirtualTime: (file: string) => hint("play it in virtual time", "run", file, "--runtime", "sim"),
  playAgain: (command: readonly string[]) => hint("play it again", ...command),
  makeSmaller: (command: readonly string[]) => hint("make it smaller", ...command, "--shrink"),
  seeMessages: (command: readonly string[]) => hint("see every message", ...command, "--trace"),
  reportOn: (command: readonly string[]) => hint("put everything about it in a folder", ...command, "--report", "out"),
  keepLab: (command: readonly string[]) => hint("leave the lab standing, to look at it", ...command, "--keep"),
} as const;
