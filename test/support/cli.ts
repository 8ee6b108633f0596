// The `lab` command as a user runs it: the built bin in its own process, with its own state folder.
//
//   await using home = await openLabHome();
//   const { code, stdout } = await home.lab("up", "--nodes", "3");
//   expect(await home.leftovers()).toEqual([]);
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { findByEnvironment } from "../../lab/base/process-table.ts";
import { eventually } from "./eventually.ts";

const bin = join(import.meta.dirname, "../../dist/lab.js");

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningCli {
  readonly child: ChildProcessWithoutNullStreams;
  readonly done: Promise<CliResult>;
  /** Resolves when stdout or stderr contains `text`; rejects when the command ends without it. */
  saw(text: string): Promise<void>;
}

export interface LabHome extends AsyncDisposable {
  /** XDG_STATE_HOME of everything that runs here. */
  readonly path: string;
  /** Runs a command to its end; the runtime is local. */
  lab(...args: string[]): Promise<CliResult>;
  /** Runs a command whose output is JSON. @throws with its stderr when it fails */
  json<T>(...args: string[]): Promise<T>;
  start(args: readonly string[], options?: { input?: string; cwd?: string }): RunningCli;
  /** Processes and files that are left: one line each. */
  leftovers(): Promise<readonly string[]>;
}

export async function openLabHome(environment: Readonly<Record<string, string>> = {}): Promise<LabHome> {
  const path = await mkdtemp(join(tmpdir(), "lab-test-"));
  // On the PATH, so that hints say `lab`.
  const command = join(path, "bin", "lab");
  await mkdir(dirname(command));
  await symlink(bin, command);
  const env = {
    ...process.env,
    PATH: [dirname(command), process.env.PATH ?? ""].join(delimiter),
    XDG_STATE_HOME: path,
    LAB_RUNTIME: "local",
    LAB_NAME: "",
    NO_COLOR: "1",
    ...environment,
  };
  const start: LabHome["start"] = (args, options = {}) => startCli([command, ...args], env, options);
  const lab: LabHome["lab"] = (...args) => start(args).done;
  const processes = async () =>
    (await Promise.all(["ENERGY_LAB_DIR", "ENERGY_LAB_HELPER"].map(findByEnvironment)))
      .flat()
      .filter(({ value }) => value.includes(path));
  return {
    path,
    lab,
    start,
    async json(...args) {
      const { code, stdout, stderr } = await lab(...args, "-o", "json");
      if (code !== 0) throw new Error(`lab ${args.join(" ")}: exit code ${code}\n${stderr}`);
      return JSON.parse(stdout);
    },
    async leftovers() {
      const files = await readdir(join(path, "energy-lab")).catch(() => []);
      return [
        ...(await processes()).map(({ pid, value }) => `process ${pid} ${value}`),
        ...files.map((name) => `file ${name}`),
      ];
    },
    async [Symbol.asyncDispose]() {
      for (const { pid } of await processes()) process.kill(pid, "SIGKILL");
      await rm(path, { recursive: true, force: true, maxRetries: 10 });
    },
  };
}

function startCli(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  { input = "", cwd }: { input?: string; cwd?: string },
): RunningCli {
  const child = spawn(process.execPath, args, { env, ...(cwd !== undefined && { cwd }) });
  let stdout = "";
  let stderr = "";
  const watchers = new Set<() => void>();
  const onData = (): void => {
    for (const watcher of watchers) watcher();
  };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    onData();
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
    onData();
  });
  // A command that ends early doesn't read its input.
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const done = new Promise<CliResult>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, stdout, stderr }));
  });
  const saw = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const check = (): void => {
        if (`${stdout}\n${stderr}`.includes(text)) resolve();
      };
      watchers.add(check);
      check();
      done.then(
        ({ code }) =>
          reject(new Error(`lab ${args.join(" ")} ended with ${code} without "${text}"\n${stdout}\n${stderr}`)),
        reject,
      );
    });
  return { child, done, saw };
}

/** Ctrl-C again and again, as somebody does who wants it to end now: what comes right after the first counts as the same. */
export async function pressUntilDone({ child, done }: RunningCli): Promise<CliResult> {
  await eventually(() => child.exitCode !== null || child.signalCode !== null || !child.kill("SIGINT"));
  return done;
}
