// A folder of a test's own, which goes with the test.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** @param atEnd when the folder is removed; a suite that shares one passes `afterAll` */
export function makeTempFolder(atEnd: (remove: () => void) => void = onTestFinished): string {
  const folder = mkdtempSync(join(tmpdir(), "energy-lab-test-"));
  atEnd(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
