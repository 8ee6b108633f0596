// A real file system with very little room: a tmpfs of the test's own, where this user may mount one.
import { spawnSync } from "node:child_process";
import { appendFileSync, mkdtempSync, rmdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** Why there is none here; null: there is. Said in the name of a test that is skipped for it. */
export const noSmallDisk: string | null = probe();

/** Mounts a file system of so many bytes, until the test ends; resolves to its folder. */
export function mountSmallDisk(bytes: number): string {
  const path = mkdtempSync(join(tmpdir(), "energy-lab-disk-"));
  const error = mount(path, bytes);
  if (error !== null) throw new Error(`can't mount a tmpfs: ${error}`);
  onTestFinished(() => unmount(path));
  return path;
}

/** Leaves no room at all; what it returns gives it back. */
export function fillDisk(disk: string): () => void {
  const ballast = join(disk, "ballast");
  for (let bytes = 64 * 1024; bytes >= 1; bytes = Math.floor(bytes / 2)) {
    try {
      for (;;) appendFileSync(ballast, Buffer.alloc(bytes));
    } catch {
      // Full for pieces of this size.
    }
  }
  return () => rmSync(ballast);
}

/** From now on nothing on it can change. */
export function setReadOnly(disk: string): void {
  const { status, stderr } = spawnSync("mount", ["-o", "remount,ro", disk], { encoding: "utf8" });
  if (status !== 0) throw new Error(`can't make ${disk} read-only: ${stderr}`);
}

function probe(): string | null {
  const path = mkdtempSync(join(tmpdir(), "energy-lab-disk-"));
  const error = mount(path, 64 * 1024);
  if (error === null) unmount(path);
  else rmdirSync(path);
  return error;
}

function mount(path: string, bytes: number): string | null {
  const options = `size=${bytes},mode=0777`;
  const { status, stderr, error } = spawnSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", path], {
    encoding: "utf8",
  });
  if (status === 0) return null;
  return (error?.message ?? stderr).trim().split("\n")[0] ?? "mount failed";
}

/** Lazily: a process that a failed test left running may still be in it. */
function unmount(path: string): void {
  spawnSync("umount", ["-l", path]);
  rmdirSync(path);
}
