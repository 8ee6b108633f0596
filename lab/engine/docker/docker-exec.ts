/**
 * Runs something inside a node's container. The engine reports the exit code a moment after the output ended, and a missing
 * program as code 126 or 127, never as an error: both are dealt with here.
 */
import type Docker from "dockerode";
import type { NodeId } from "../../../node/wire/ids.ts";
import { LabError } from "../../base/lab-error.ts";
import { NEXT } from "../../base/next.ts";
import type { ExecResult } from "../engine.ts";
import { isRefusal, statusOf } from "./docker-errors.ts";
import { findNode } from "./docker-labs.ts";
import { isPaused, notRunning } from "./docker-nodes.ts";
import { readFrames } from "./docker-stream.ts";

export interface ExecOptions {
  readonly command: readonly string[];
  readonly user?: string;
  readonly stdin?: string;
  /** Returns as soon as it runs; the result is then code 0 and no output. */
  readonly detach?: boolean;
  readonly signal?: AbortSignal;
}

/** A node, and its container where a look at the lab has shown it already. */
export interface NodePlace {
  readonly lab: string;
  readonly id: NodeId;
  readonly seen: string | null;
}

async function execIn(docker: Docker, containerId: string, options: ExecOptions): Promise<ExecResult> {
  const { stdin, detach = false, signal } = options;
  const abort = signal ? { abortSignal: signal } : {};
  const exec = await docker.getContainer(containerId).exec({
    Cmd: [...options.command],
    AttachStdin: stdin !== undefined,
    AttachStdout: !detach,
    AttachStderr: !detach,
    ...(options.user !== undefined && { User: options.user }),
    ...abort,
  });
  // Only an upgraded connection can carry input and be half-closed behind it.
  const stream = await exec.start({ Detach: detach, Tty: false, hijack: stdin !== undefined, stdin: false, ...abort });
  if (detach) {
    stream.resume();
    return { exitCode: 0, stdout: "", stderr: "" };
  }
  if (stdin !== undefined) stream.end(stdin);
  const output = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  for await (const frame of readFrames(stream)) output[frame.stream].push(frame.payload);
  return {
    exitCode: await exitCodeOf(exec),
    stdout: Buffer.concat(output.stdout).toString(),
    stderr: Buffer.concat(output.stderr).toString(),
  };
}

async function exitCodeOf(exec: Docker.Exec): Promise<number> {
  const deadlineMs = Date.now() + 5_000;
  for (let waitMs = 1; ; waitMs = Math.min(2 * waitMs, 50)) {
    const { ExitCode: code, Running: running } = await exec.inspect();
    if (!running && code !== null) return code;
    if (Date.now() > deadlineMs)
      throw new LabError("timeout", "the engine doesn't say how a command ended", NEXT.runDoctor());
    await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
}

/** A shell script as root in the node's namespaces: with `stdin` the script reads that. */
export async function execAsRoot(
  docker: Docker,
  place: NodePlace,
  script: string,
  options: { detach?: boolean; stdin?: string },
): Promise<ExecResult> {
  return await execInNode(docker, place, { command: ["sh", "-c", script], user: "0", ...options });
}

/** The same in a helper of the node, which shares its network. */
export function execInHelper(
  docker: Docker,
  helper: string,
  script: string,
  options: { detach?: boolean; stdin?: string },
): Promise<ExecResult> {
  return execIn(docker, helper, { command: ["sh", "-c", script], user: "0", ...options });
}

/** A command of the user in a node that runs somebody else's program. */
export async function execPlain(
  docker: Docker,
  place: NodePlace,
  command: readonly string[],
  timeoutMs: number,
): Promise<ExecResult> {
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    return await execInNode(docker, place, { command, signal });
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new LabError(
      "timeout",
      `"${command.join(" ")}" didn't end in node ${place.id} within ${timeoutMs} ms`,
      NEXT.readLogs(place.id),
    );
  }
}

/** One control request by the node's own client, over loopback inside the container. Resolves to its answer, a line of JSON. */
export async function execControl(
  docker: Docker,
  place: NodePlace,
  requestJson: string,
  timeoutMs: number,
): Promise<string> {
  const { id } = place;
  const signal = AbortSignal.timeout(timeoutMs);
  let result: ExecResult;
  try {
    const command = ["node", "/app/node.js", "control", "request", requestJson];
    result = await execInNode(docker, place, { command, user: "1000:1000", signal });
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new LabError("timeout", `node ${id} didn't answer within ${timeoutMs} ms`, NEXT.readLogs(id), {
      cause: error,
    });
  }
  const answer = result.stdout.trim();
  // A refusal is an answer too, whatever the exit code.
  if (answer.startsWith("{")) return answer;
  if (result.exitCode === 126 || result.exitCode === 127) {
    throw new LabError(
      "unsupported",
      `node ${id}'s container can't run the control client`,
      "is it made from the node image?",
    );
  }
  const why = result.stderr.trim().split("\n").at(-1) || `exit code ${result.exitCode}`;
  throw new LabError("failed", `node ${id} couldn't be asked from inside its container: ${why}`, NEXT.readLogs(id));
}

async function execInNode(docker: Docker, { lab, id, seen }: NodePlace, options: ExecOptions): Promise<ExecResult> {
  try {
    if (seen !== null) return await execIn(docker, seen, options);
  } catch (error) {
    // Gone, paused or ended since then: the look below tells which.
    if (statusOf(error) !== 404 && !isAboutState(error)) throw error;
  }
  const node = await findNode(docker, lab, id);
  if (node.state === "paused") throw isPaused(id);
  if (node.state !== "running") throw notRunning(node);
  try {
    return await execIn(docker, node.id, options);
  } catch (error) {
    if (isRefusal(error, "paused")) throw isPaused(id);
    throw isAboutState(error) ? notRunning(node) : error;
  }
}

function isAboutState(error: unknown): boolean {
  return statusOf(error) === 409 || isRefusal(error, "paused") || isRefusal(error, "notRunning");
}
