// One lab, one change at a time: also when the holder of the lock was killed, and when many want it at once.
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { StateDir } from "../../lab/base/state-dir.ts";

let root: string;
let state: StateDir;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "lab-lock-"));
  state = new StateDir("lab", root);
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

/** A process that takes the lock, writes `in` and `out` into the trace, and either ends or is killed while it holds the lock. */
function contend(isKilled: boolean): Promise<number | null> {
  const script = `
    import { appendFileSync } from "node:fs";
    import { StateDir } from ${JSON.stringify(join(import.meta.dirname, "../../lab/base/state-dir.ts"))};
    const state = new StateDir("lab", ${JSON.stringify(root)});
    const lock = await state.lock({ purpose: "test " + process.pid });
    const trace = (word) => appendFileSync(state.file("trace"), word + "\\n");
    trace("in");
    await new Promise((resolve) => setTimeout(resolve, 5));
    trace("out");
    ${isKilled ? 'process.kill(process.pid, "SIGKILL");' : "await lock[Symbol.asyncDispose]();"}
  `;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  return new Promise((resolve) => child.once("close", (code) => resolve(code)));
}

test("many processes, some killed while they hold it, must hold the lock one after the other", async () => {
  const codes = await Promise.all(Array.from({ length: 8 }, (_, i) => contend(i % 2 === 0)));
  expect(codes.filter((code) => code === 0)).toHaveLength(4);
  const words = (await readFile(state.file("trace"), "utf8")).trim().split("\n");
  expect(words).toEqual(Array.from({ length: 16 }, (_, i) => (i % 2 === 0 ? "in" : "out")));
});

test("a command that waits for too long must be told who holds the lock and why", async () => {
  await using _held = await state.lock({ purpose: "scale 7" });
  const waits: unknown[] = [];
  const second = state.lock({ purpose: "down", timeoutMs: 50, onWait: (holder) => waits.push(holder.purpose) });
  await expect(second).rejects.toMatchObject({
    exit: "failed",
    message: expect.stringContaining(`process ${process.pid}: scale 7`),
  });
  expect(waits).toEqual(["scale 7"]);
});

test("a lock whose holder's number went to another process must be taken over", async () => {
  await state.ensure();
  await writeFile(
    state.file("lock"),
    JSON.stringify({ pid: process.pid, start: "long ago", nonce: "0".repeat(16), purpose: "up" }),
  );
  await using lock = await state.lock({ purpose: "down", timeoutMs: 2_000 });
  expect(lock).toBeDefined();
});

test("the folder may be removed under the lock: its next holder must begin with a new one", async () => {
  const first = await state.lock({ purpose: "down" });
  const second = state.lock({ purpose: "up", timeoutMs: 5_000 });
  await state.remove();
  await using _next = await second;
  await first[Symbol.asyncDispose]();
  expect(JSON.parse(await readFile(state.file("lock"), "utf8"))).toMatchObject({ purpose: "up" });
});
