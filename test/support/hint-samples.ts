// Every hint of lab/base/next.ts with arguments as the code gives them, for tests of all of them.
import type { Hint } from "../../lab/base/hint.ts";
import { NEXT } from "../../lab/base/next.ts";

const again = ["run", "my file.yaml", "--runtime", "local", "--seed", "7"];
const schedule = ["sim", "--seed", "7"];

/** A hint that is missing here is a mistake that the compiler finds. */
export const HINT_SAMPLES: { readonly [K in keyof typeof NEXT]: readonly Hint[] } = {
  listLabs: [NEXT.listLabs()],
  startFirstLab: [NEXT.startFirstLab()],
  startLab: [NEXT.startLab(), NEXT.startLab("other")],
  removeLab: [NEXT.removeLab(), NEXT.removeLab("other"), NEXT.removeLab("other", "local")],
  removeLabFirst: [NEXT.removeLabFirst("other")],
  removeUnneededLabs: [NEXT.removeUnneededLabs()],
  removeStartedNodes: [NEXT.removeStartedNodes("scenario-x")],
  useLocalLab: [NEXT.useLocalLab()],
  scaleTo: [NEXT.scaleTo(7)],
  scaleExample: [NEXT.scaleExample()],
  trade: [NEXT.trade(1, 2)],
  addNode: [NEXT.addNode(2)],
  tryCommands: NEXT.tryCommands(),
  listNodes: [NEXT.listNodes()],
  startNodes: [NEXT.startNodes([1, 2])],
  startAllNodes: [NEXT.startAllNodes()],
  seeRecovery: [NEXT.seeRecovery([3])],
  saveDisk: [NEXT.saveDisk()],
  restoreDisk: [NEXT.restoreDisk(2, "backup.disk")],
  stopNode: [NEXT.stopNode(3)],
  resumeNodes: [NEXT.resumeNodes([2, 3])],
  restartNode: [NEXT.restartNode(3)],
  removeNode: [NEXT.removeNode(3)],
  killLeader: [NEXT.killLeader()],
  waitForAgreement: [NEXT.waitForAgreement()],
  waitFor: [NEXT.waitFor(["agree", "leader=4"])],
  readStatus: [NEXT.readStatus(3)],
  readAllStatus: [NEXT.readAllStatus()],
  readBalance: [NEXT.readBalance(3)],
  readHistory: [NEXT.readHistory(3)],
  readMembers: [NEXT.readMembers(3)],
  readLogs: [NEXT.readLogs(3)],
  readAllLogs: [NEXT.readAllLogs()],
  readEvents: [NEXT.readEvents(), NEXT.readEvents("out/latest")],
  readOrders: [NEXT.readOrders()],
  acceptLoss: [NEXT.acceptLoss(3)],
  takeKeyStep: [NEXT.takeKeyStep("add"), NEXT.takeKeyStep("use"), NEXT.takeKeyStep("remove")],
  repeatKeyRotation: [NEXT.repeatKeyRotation()],
  listFaults: [NEXT.listFaults()],
  heal: [NEXT.heal("f1")],
  healAll: [NEXT.healAll(), NEXT.healAll("other")],
  plug: [NEXT.plug([2])],
  isolate: [NEXT.isolate([2, 3])],
  impair: [NEXT.impair("followers")],
  impairTo: [NEXT.impairTo()],
  partition: [NEXT.partition()],
  partitionOneWay: [NEXT.partitionOneWay()],
  partitionRing: [NEXT.partitionRing()],
  partitionBridge: [NEXT.partitionBridge()],
  openRun: [NEXT.openRun("out/latest")],
  listChecks: [NEXT.listChecks()],
  journalDetailed: [NEXT.journalDetailed()],
  journalWire: [NEXT.journalWire()],
  listHosts: [NEXT.listHosts()],
  runDoctor: [NEXT.runDoctor()],
  collectGarbage: [NEXT.collectGarbage()],
  showHelp: [NEXT.showHelp("kill")],
  listCommands: [NEXT.listCommands()],
  openSimShell: [NEXT.openSimShell(), NEXT.openSimShell(7)],
  listTraffic: [NEXT.listTraffic()],
  playSchedules: [NEXT.playSchedules()],
  playInVirtualTime: [NEXT.playInVirtualTime("day.yaml")],
  playAgain: [NEXT.playAgain(again), NEXT.playAgain(schedule)],
  makeSmaller: [NEXT.makeSmaller(schedule)],
  seeMessages: [NEXT.seeMessages(schedule)],
  reportOn: [NEXT.reportOn(again)],
  keepLab: [NEXT.keepLab(again)],
};

/** The words of a command as a POSIX shell splits them. */
export function splitCommand(line: string): string[] {
  return [...line.matchAll(/(?:"((?:\\.|[^"\\])*)"|([^\s"]+))/g)].map(
    ([, quoted, plain]) => plain ?? (quoted ?? "").replaceAll(/\\(.)/g, "$1"),
  );
}
