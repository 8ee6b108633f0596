/**
 * Runs a command as a user does, as a whole process, and tells how long it took.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "../..");

export interface Finished {
  readonly ms: number;
  readonly stdout: string;
}

/** @throws Error with the command's stderr when it doesn't exit with 0 */
export async function run(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Finished> {
  const startMs = performance.now();
  const child = spawn(command, args, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...env } });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const [code] = (await once(child, "close")) as [number | null];
  const ms = performance.now() - startMs;
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} exited with ${code}\n${stderr}`);
  return { ms, stdout };
}

/** The CLI from its bundle, by this Node: what `npx lab` runs, without npx's own 200 ms. */
export function lab(...args: readonly string[]): Promise<Finished> {
  return run(process.execPath, [join(ROOT, "dist/lab.js"), ...args]);
}
