/** A process that plays one task at a time, and is started again when it was stopped or has become large. */
import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import { PROJECT_ROOT } from "../support/sources.ts";
import type { Outcome, Task } from "./worker.ts";

/** A process keeps every module that it has loaded. */
const TASKS_MAX = 100;

export class Player {
  #child: ChildProcess | null = null;
  #tasks = 0;

  /** Null: not within the deadline, in ms, or the process ended. */
  async play(task: Task, deadlineMs: number): Promise<Outcome | null> {
    if (this.#tasks++ % TASKS_MAX === 0) this.end();
    const child = this.#child ?? (await start());
    this.#child = child;
    return await new Promise((resolve) => {
      const end = (outcome: Outcome | null): void => {
        clearTimeout(timer);
        child.off("message", end).off("exit", onExit);
        if (outcome === null) this.end();
        resolve(outcome);
      };
      const onExit = (): void => end(null);
      const timer = setTimeout(end, deadlineMs, null);
      child.once("message", end).once("exit", onExit);
      child.send(task);
    });
  }

  end(): void {
    this.#child?.kill("SIGKILL");
    this.#child = null;
  }
}

async function start(): Promise<ChildProcess> {
  const child = fork(join(import.meta.dirname, "worker.ts"), {
    cwd: PROJECT_ROOT,
    execArgv: ["--no-warnings"],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  await new Promise((resolve) => child.once("message", resolve));
  return child;
}
