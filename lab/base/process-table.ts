/**
 * Which processes run on this machine, without mistaking a new process for an old one.
 *
 * Idea: a process id alone says nothing after a while (ids are reused), so a record of a process holds the process's start
 * time beside it and compares both. Linux reads /proc, macOS asks `ps`, Windows PowerShell. Used by the local engine, locks and helpers.
 */
import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { PLATFORM } from "./this-machine.ts";

const run = promisify(execFile);

/** A process as it was when somebody noted it. `start` is opaque: equal for the same process, different for any other. */
export interface ProcessMark {
  readonly pid: number;
  readonly start: string;
}

export interface ProcessStatus {
  readonly mark: ProcessMark;
  readonly stopped: boolean;
}

/** State of process `pid` now; null when there is none (a zombie counts as gone). */
export function readProcess(pid: number): Promise<ProcessStatus | null> {
  return { proc: readProc, ps: readPs, powershell: readPowerShell }[PLATFORM.processTable](pid);
}

/** Null when the marked process has ended, whatever runs under its number now. */
export async function findProcess(mark: ProcessMark): Promise<ProcessStatus | null> {
  const status = await readProcess(mark.pid);
  return status !== null && status.mark.start === mark.start ? status : null;
}

export async function ownMark(): Promise<ProcessMark> {
  const own = await readProcess(process.pid);
  return own?.mark ?? { pid: process.pid, start: "" };
}

/** Sends a signal; false when the process is gone. */
export function sendSignal(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
}

/**
 * Processes of this user whose environment has `variable`, with its value: how nodes are found when every file about them is
 * lost. The value must be free of spaces. Where environments can't be read the list is empty.
 */
export function findByEnvironment(variable: string): Promise<readonly { pid: number; value: string }[]> {
  return { proc: findInProc, ps: findWithPs, powershell: () => Promise.resolve([]) }[PLATFORM.processTable](variable);
}

async function findInProc(variable: string): Promise<readonly { pid: number; value: string }[]> {
  const prefix = `${variable}=`;
  const pids = (await readdir("/proc")).map(Number).filter((pid) => Number.isInteger(pid) && pid > 0);
  const found = await Promise.all(
    pids.map(async (pid) => {
      const text = await readFile(`/proc/${pid}/environ`, "latin1").catch(() => "");
      if (!text.includes(prefix)) return null;
      const entry = text.split("\0").find((item) => item.startsWith(prefix));
      return entry === undefined ? null : { pid, value: entry.slice(prefix.length) };
    }),
  );
  return found.filter((item) => item !== null);
}

async function findWithPs(variable: string): Promise<readonly { pid: number; value: string }[]> {
  const text = await run("ps", ["-Eww", "-axo", "pid=,command="], { maxBuffer: 64 * 2 ** 20 })
    .then((result) => result.stdout)
    .catch(() => "");
  const found: { pid: number; value: string }[] = [];
  for (const line of text.split("\n")) {
    const at = line.indexOf(` ${variable}=`);
    if (at < 0) continue;
    const value = line.slice(at + variable.length + 2).split(" ")[0] ?? "";
    found.push({ pid: Number.parseInt(line, 10), value });
  }
  return found;
}

/** Waits until the process has ended; false when it hasn't within `timeoutMs`. */
export async function waitForEnd(mark: ProcessMark, timeoutMs: number): Promise<boolean> {
  const deadlineMs = performance.now() + timeoutMs;
  for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, 25)) {
    if ((await findProcess(mark)) === null) return true;
    if (performance.now() > deadlineMs) return false;
    await sleep(pauseMs);
  }
}

async function readProc(pid: number): Promise<ProcessStatus | null> {
  const text = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => null);
  if (text === null) return null;
  // The command's name stands in brackets and may contain anything: fields are counted from the last bracket.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const state = fields[0];
  if (state === "Z" || state === "X" || state === undefined) return null;
  return { mark: { pid, start: fields[19] ?? "" }, stopped: state === "T" || state === "t" };
}

async function readPs(pid: number): Promise<ProcessStatus | null> {
  const text = await run("ps", ["-o", "stat=,lstart=", "-p", String(pid)])
    .then((result) => result.stdout.trim())
    .catch(() => "");
  const [state, ...start] = text.split(/\s+/);
  if (state === undefined || state === "" || state.startsWith("Z")) return null;
  return { mark: { pid, start: start.join(" ") }, stopped: state.startsWith("T") };
}

/** Starting PowerShell takes half a second, so that it is only asked about a process that is there. */
async function readPowerShell(pid: number): Promise<ProcessStatus | null> {
  if (!sendSignal(pid, 0)) return null;
  const script = `(Get-Process -Id ${pid} -ErrorAction Stop).StartTime.ToFileTimeUtc()`;
  const start = await run("powershell", ["-NoProfile", "-NonInteractive", "-Command", script])
    .then((result) => result.stdout.trim())
    .catch(() => "");
  return start === "" ? null : { mark: { pid, start }, stopped: false };
}
