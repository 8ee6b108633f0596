/**
 * Nodes of this machine that run a program which isn't ours (lab/kind). Each has an address of its own in 127.0.0.0/8, which is loopback as
 * a whole, so that all can use the same port.
 *
 * A keeper process starts the program in its own process group. It writes down the instant of each line and how the program ended, and
 * keeps its logs short; a program that ends takes what it has started along, as in a container.
 */
import { execFile } from "node:child_process";
import { join } from "node:path";
import type { NodeId } from "../../../node/wire/ids.ts";
import { LabError } from "../../base/lab-error.ts";
import { PLATFORM } from "../../base/this-machine.ts";
import { decodeAll } from "../../kind/decode.ts";
import { fillIn, fillWords, type Place, type Program } from "../../kind/program-spec.ts";
import type { ExecResult, ProgramHost } from "../engine.ts";
import { LOG_BYTES_MAX } from "./local-logs.ts";
import { inheritedEnv, type LabRecord, nodeDir, portIndex, readLabRecord, readNodeEnv } from "./local-store.ts";

const ANSWER_BYTES_MAX = 2 ** 20;
/** First of the networks 127.N.0.0/16; the lab with the lowest ports has it. */
const FIRST_NETWORK = 65;
/** Exit code of a command that can't be run, as a shell gives it. */
const NOT_RUN = 127;

const KEEPER = `
import { spawn } from "node:child_process";
import { closeSync, fstatSync, openSync, renameSync, writeFileSync, writeSync } from "node:fs";
import { constants } from "node:os";
const [dir, bytesMax, file, ...args] = process.argv.slice(1);
// They are meant for the program, which has them by its group.
for (const name of ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"]) process.on(name, () => {});
function keep(name, source) {
  const path = dir + "/" + name + ".log";
  let fd = openSync(path, "a", 0o600);
  let rest = Buffer.alloc(0);
  const write = (bytes) => {
    const at = Date.now() + " ";
    const lines = bytes.toString("latin1").split("\\n").map((line) => at + line + "\\n").join("");
    // A full disk loses lines, not the program.
    try { writeSync(fd, lines, null, "latin1"); } catch {}
    if (fstatSync(fd).size < bytesMax) return;
    closeSync(fd);
    renameSync(path, path + ".1");
    fd = openSync(path, "a", 0o600);
  };
  source?.on("data", (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    const end = rest.lastIndexOf(10);
    if (end >= 0) write(rest.subarray(0, end));
    rest = rest.subarray(end + 1);
    if (rest.length < 65536) return;
    write(rest);
    rest = Buffer.alloc(0);
  });
  source?.on("end", () => { if (rest.length > 0) write(rest); });
  return write;
}
function end(exitCode) {
  try { writeFileSync(dir + "/data/exit.json", JSON.stringify({ pid: process.pid, exitCode, atMs: Date.now() })); } catch {}
}
const child = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"] });
keep("stdout", child.stdout);
const complain = keep("stderr", child.stderr);
child.on("error", (error) => {
  complain(Buffer.from("can't run \\"" + [file, ...args].join(" ") + "\\": " + error.message));
  end(${NOT_RUN});
  process.exit();
});
child.on("exit", (code, signal) => {
  end(code ?? 128 + constants.signals[signal]);
  setTimeout(() => process.kill(-process.pid, "SIGKILL"), 200);
});
child.on("close", () => process.kill(-process.pid, "SIGKILL"));
`;

/** The node's address on loopback. @param portBase of its lab */
export function addressOf(portBase: number, id: NodeId): string {
  return `127.${FIRST_NETWORK + portIndex(portBase)}.${id >> 8}.${id & 255}`;
}

function placeOf({ spec, portBase }: LabRecord, id: NodeId): Place {
  const ids = [...new Set([...spec.nodes, id])].sort((a, b) => a - b);
  return { id, addresses: new Map(ids.map((other) => [other, addressOf(portBase, other)])) };
}

export interface Launch {
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Arguments for Node, with which the keeper runs the node's program. */
export function launchOf(
  record: LabRecord,
  program: Program,
  id: NodeId,
  own: Readonly<Record<string, string>>,
): Launch {
  const place = placeOf(record, id);
  const dir = nodeDir(record.spec.name, id);
  const given = Object.entries(program.env ?? {}).map(([name, text]) => [name, fillIn(text, place)] as const);
  return {
    args: ["--input-type=module", "-e", KEEPER, dir, String(LOG_BYTES_MAX), ...fillWords(program.command ?? [], place)],
    // As a Dockerfile's WORKDIR: where the program's own files are.
    cwd: program.build ?? program.folder,
    env: {
      ...inheritedEnv(),
      LAB_NODE_ID: String(id),
      LAB_NODE_IP: addressOf(record.portBase, id),
      LAB_NODE_DIR: join(dir, "data"),
      ...Object.fromEntries(given),
      ...own,
    },
  };
}

export const LOCAL_PROGRAMS: ProgramHost = {
  prepare(program, progress) {
    const whyNot = whyImpossible(program);
    if (whyNot !== null) return Promise.reject(whyNot);
    const { memory, processes, network } = program;
    const idle = [
      ...(memory === undefined && processes === undefined ? [] : ["limits"]),
      ...(network?.outside === false ? ["`outside: false`"] : []),
    ];
    if (idle.length > 0) {
      const detail = `${idle.join(" and ")} have no effect: local processes share this machine and its network`;
      progress({ step: "program", state: "info", detail });
    }
    return Promise.resolve();
  },
  exec: runInNode,
  hasHelper: () => Promise.resolve(false),
  dropHelper: () => Promise.resolve(),
  captures: () => Promise.resolve({ files: [], lost: 0, overwritten: 0 }),
  decode: decodeAll,
  release: () => Promise.resolve(),
};

/** What of the description a process of this machine can't be. */
function whyImpossible({ command, files, ready, tap }: Program): LabError | null {
  const no = (what: string, hint: string) =>
    new LabError("unsupported", `local processes ${what}`, [hint, "or use --runtime docker"]);
  if (PLATFORM.processTable !== "proc") {
    return no("need an address each, and only Linux has 127.0.0.0/8 as a whole", "run it on Linux");
  }
  if (command === undefined) return no("run no image, and node: names no command", "add `command:`");
  if (Object.keys(files).length > 0)
    return no("have no file system of their own for files:", "name the file in command:");
  if (ready === "health") return no("have no image with a health check", "use ready: with log:, exec: or udp:");
  if (tap === true) return no("share one network, whose messages can't be recorded", "leave --messages out");
  return null;
}

async function runInNode(lab: string, id: NodeId, command: readonly string[], timeoutMs: number): Promise<ExecResult> {
  const record = await readLabRecord(lab);
  const program = record?.spec.program;
  if (record === null || program == null) return { exitCode: NOT_RUN, stdout: "", stderr: "its lab is gone" };
  const { cwd, env } = launchOf(record, program, id, await readNodeEnv(lab, id));
  const [file = "", ...args] = command;
  const options = {
    cwd,
    env: { ...env },
    timeout: timeoutMs,
    killSignal: "SIGKILL",
    maxBuffer: ANSWER_BYTES_MAX,
  } as const;
  return await new Promise((resolve, reject) => {
    execFile(file, args, options, (error, stdout, stderr) => {
      if (error === null) return resolve({ exitCode: 0, stdout, stderr });
      if (error.killed === true && error.signal === "SIGKILL") {
        const message = `"${command.join(" ")}" in node ${id} took more than ${timeoutMs / 1000} s`;
        return reject(new LabError("timeout", message, "is the program stuck?"));
      }
      resolve({
        exitCode: typeof error.code === "number" ? error.code : NOT_RUN,
        stdout,
        stderr: stderr || error.message,
      });
    });
  });
}
