/**
 * A saved disk: the ledger's files in a tar archive, alike for processes and containers. SQLite rebuilds everything else at the next start.
 */
import { Readable } from "node:stream";
import { LabError, notADisk } from "../base/lab-error.ts";
import { packTar, type TarFile, unpackTar } from "./tar.ts";

/** The ledger and its write-ahead log. The second is missing after a clean end. */
export const DISK_FILES = ["ledger.db", "ledger.db-wal"] as const;

/** @throws LabError("failed") when there is no ledger among the files */
export async function packDisk(node: number, files: readonly TarFile[]): Promise<Buffer> {
  const ledger = files.filter(({ path }) => DISK_FILES.some((name) => name === path));
  if (!ledger.some(({ path }) => path === DISK_FILES[0]))
    throw new LabError("failed", `node ${node} has no ledger on its disk`, "start it once, and give it a disk");
  return await packTar(ledger.map(({ path, content }) => ({ path, content, mode: 0o600 })));
}

/** @throws LabError("usage") for bytes that `packDisk` didn't make */
export async function unpackDisk(image: Uint8Array): Promise<readonly TarFile[]> {
  const files = await unpackTar(Readable.from([Buffer.from(image)])).catch(() => []);
  const isWhole = files.some(({ path }) => path === DISK_FILES[0]);
  if (isWhole && files.every(({ path }) => DISK_FILES.some((name) => name === path))) return files;
  throw notADisk();
}
