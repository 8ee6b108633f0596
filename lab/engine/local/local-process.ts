/**
 * One node's process on this machine: started detached (it outlives the CLI), looked up by its recorded mark, ended for sure.
 */
import { spawn } from "node:child_process";
import { open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { NodeId } from "../../../node/wire/ids.ts";
import { LabError } from "../../base/lab-error.ts";
import { NEXT } from "../../base/next.ts";
import { findProcess, type ProcessStatus, readProcess, sendSignal, waitForEnd } from "../../base/process-table.ts";
import { PLATFORM } from "../../base/this-machine.ts";
import type { NodeInfo, NodeStatus } from "../engine.ts";
import { projectRoot } from "../node-bundle.ts";
import { rotateLogs } from "./local-logs.ts";
import { addressOf, type Launch, launchOf } from "./local-program.ts";
import {
  DIR_VARIABLE,
  inheritedEnv,
  LAB_VARIABLE,
  type LabRecord,
  markOf,
  nodeDir,
  readExitRecord,
  readNodeEnv,
  readProcessRecord,
  secretVariables,
  writeProcessRecord,
} from "./local-store.ts";

const LOOPBACK = "127.0.0.1";
/** A process that was sent SIGKILL is gone within milliseconds; one that hangs in the kernel longer than this is reported. */
const KILL_MS_MAX = 10_000;

/** Starts node `id`'s process in its folder. Throws LabError("failed") when the process can't be made. */
export async function startProcess(record: LabRecord, id: NodeId, bundle: string): Promise<NodeInfo> {
  const lab = record.spec.name;
  const dir = nodeDir(lab, id);
  // A killed node leaves its ready file behind.
  await Promise.all([rm(join(dir, "ready"), { force: true }), rotateLogs(dir)]);
  const own = await readNodeEnv(lab, id);
  const { args, cwd, env } = describeLaunch(record, id, own, bundle);
  const [stdout, stderr] = await Promise.all(
    ["stdout.log", "stderr.log"].map((name) => open(join(dir, name), "a", 0o600)),
  );
  try {
    const child = spawn(process.execPath, args, {
      cwd,
      detached: true,
      windowsHide: true,
      env: { ...env, [LAB_VARIABLE]: `${lab}/${id}`, [DIR_VARIABLE]: markOf(dir) },
      stdio: ["ignore", stdout?.fd ?? "ignore", stderr?.fd ?? "ignore"],
    });
    await new Promise<void>((resolve, reject) => {
      child.once("spawn", resolve);
      child.once("error", reject);
    });
    child.unref();
    const pid = child.pid ?? 0;
    const startedAtMs = Date.now();
    const status = await readProcess(pid);
    await writeProcessRecord(lab, id, { pid, start: status?.mark.start ?? "", startedAtMs });
    return describe(record, id, { pid, status: status === null ? "exited" : "starting", startedAtMs });
  } catch (error) {
    throw new LabError("failed", `node ${id} can't be started: ${(error as Error).message}`, NEXT.runDoctor(), {
      cause: error,
    });
  } finally {
    await Promise.all([stdout?.close(), stderr?.close()]);
  }
}

/** Node `id` as the process table shows it. */
export async function inspectNode(lab: string, record: LabRecord | null, id: NodeId): Promise<NodeInfo> {
  const noted = await readProcessRecord(lab, id);
  if (noted === null) return describe(record, id, { pid: 0, status: "created", startedAtMs: null }, lab);
  const process = await findProcess(noted);
  const status = await statusOf(lab, id, process, record?.spec.program != null);
  const end = process === null ? await readExitRecord(lab, id, noted.pid) : null;
  return { ...describe(record, id, { pid: noted.pid, status, startedAtMs: noted.startedAtMs }, lab), ...end };
}

/** Its running process; null when it has none. */
export async function runningProcess(lab: string, id: NodeId): Promise<ProcessStatus | null> {
  const noted = await readProcessRecord(lab, id);
  return noted === null ? null : findProcess(noted);
}

/** SIGKILL, and waits until it is gone. Works on a stopped process too. */
export async function endProcess(pid: number): Promise<void> {
  const process = await readProcess(pid);
  if (process === null) return;
  signalGroup(pid, "SIGKILL");
  sendSignal(pid, "SIGKILL");
  if (!(await waitForEnd(process.mark, KILL_MS_MAX))) {
    throw new LabError("failed", `process ${pid} doesn't end`, "its disk may hang; see `ps`, then repeat");
  }
}

/** SIGTERM, then SIGKILL after `graceMs`; a stopped process is let go on first. */
export async function stopProcess(process: ProcessStatus, graceMs: number): Promise<void> {
  const { pid } = process.mark;
  signalGroup(pid, "SIGTERM");
  if (process.stopped) signalGroup(pid, "SIGCONT");
  if (await waitForEnd(process.mark, graceMs)) return;
  await endProcess(pid);
}

/** SIGSTOP or SIGCONT, and waits until the process table shows it. */
export async function freeze(process: ProcessStatus, stopped: boolean): Promise<void> {
  signalGroup(process.mark.pid, stopped ? "SIGSTOP" : "SIGCONT");
  for (let i = 0; i < 200; i++) {
    const now = await findProcess(process.mark);
    if (now === null || now.stopped === stopped) return;
    await sleep(2);
  }
}

/** To a node's process and what it has started: each node is the head of a group. */
export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  sendSignal(PLATFORM.hasSignals ? -pid : pid, signal);
}

function describeLaunch(record: LabRecord, id: NodeId, own: Readonly<Record<string, string>>, bundle: string): Launch {
  const { program, name } = record.spec;
  if (program != null) return launchOf(record, program, id, own);
  return {
    args: ["--disable-warning=ExperimentalWarning", bundle, String(id)],
    cwd: nodeDir(name, id),
    env: environmentOf(record, id, own),
  };
}

function environmentOf(record: LabRecord, id: NodeId, own: Readonly<Record<string, string>>): Record<string, string> {
  const { spec, portBase, multicast } = record;
  const dir = nodeDir(spec.name, id);
  const peers = spec.nodes.filter((other) => other !== id).map((other) => `${other}:${LOOPBACK}`);
  return {
    ...inheritedEnv(),
    // Fifty nodes compile the same file: once is enough.
    NODE_COMPILE_CACHE: join(projectRoot(), "node_modules", ".cache", "lab"),
    DS_PROFILE: spec.profile,
    DS_VOTERS: spec.voters.join(","),
    DS_NODES: spec.nodes.join(","),
    DS_RUN: spec.run,
    ...secretVariables(spec.name),
    ...spec.env,
    ...own,
    // What the runtime itself decides can't be overridden: nodes would not find each other.
    DS_HOST: LOOPBACK,
    DS_MULTICAST_PORT: String(portBase),
    DS_UNICAST_PORT_BASE: String(portBase),
    ...(multicast ? {} : { DS_PEERS: peers.join(",") }),
    DS_DATA_DIR: join(dir, "data"),
    DS_READY_FILE: join(dir, "ready"),
  };
}

async function statusOf(
  lab: string,
  id: NodeId,
  process: ProcessStatus | null,
  isProgram: boolean,
): Promise<NodeStatus> {
  if (process === null) return "exited";
  if (process.stopped) return "paused";
  if (isProgram) return "running";
  const names: readonly string[] = await readdir(nodeDir(lab, id)).catch(() => []);
  return names.includes("ready") ? "running" : "starting";
}

function describe(
  record: LabRecord | null,
  id: NodeId,
  now: { pid: number; status: NodeStatus; startedAtMs: number | null },
  lab = record?.spec.name ?? "",
): NodeInfo {
  const isProgram = record?.spec.program != null;
  return {
    lab,
    id,
    status: now.status,
    exitCode: null,
    finishedAtMs: null,
    oomKilled: false,
    handle: now.pid === 0 ? "-" : String(now.pid),
    ip: isProgram && record !== null ? addressOf(record.portBase, id) : LOOPBACK,
    control: record === null || isProgram ? null : `${LOOPBACK}:${record.portBase + id}`,
    startedAtMs: now.startedAtMs,
    unplugged: false,
  };
}
