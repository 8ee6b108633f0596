/**
 * Small files for and from an engine, as tar archives. Owner and time are fixed, so that the same files give the same archive and the
 * engine's build cache is hit.
 */
import type { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";

export interface TarFile {
  readonly path: string;
  readonly content: Uint8Array;
  readonly mode: number;
  /** Numeric; root's when absent. */
  readonly group?: number;
}

export async function packTar(files: readonly TarFile[]): Promise<Buffer> {
  const { pack: packer } = await loadTar();
  const pack = packer();
  for (const { path, content, mode, group = 0 } of files) {
    pack.entry({ name: path, mode, uid: 0, gid: group, mtime: new Date(0) }, Buffer.from(content));
  }
  pack.finalize();
  return await buffer(pack);
}

/** The regular files of an archive. */
export async function unpackTar(archive: Readable): Promise<readonly TarFile[]> {
  const files: TarFile[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const { extract: extractor } = await loadTar();
  const extract = extractor();
  extract.on("entry", ({ name, type, mode = 0 }, content, next) => {
    buffer(content).then((bytes) => {
      if (type === "file") files.push({ path: name, content: bytes, mode });
      next();
    }, next);
  });
  extract.once("finish", resolve);
  extract.once("error", reject);
  archive.once("error", reject);
  archive.pipe(extract);
  await promise;
  return files;
}

/** When the first archive is made or read: most commands have none. */
async function loadTar() {
  return (await import("tar-stream")).default;
}
