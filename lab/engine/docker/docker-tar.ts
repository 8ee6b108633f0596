/**
 * Files for and from an engine in the oldest tar format there is (ustar, POSIX.1-1988): a head of 512 bytes and the content, padded, per file.
 * Owner and time are fixed, so that the same files give the same archive and the engine's build cache is hit.
 */
export interface TarFile {
  /** At most 100 bytes. */
  readonly path: string;
  readonly content: Uint8Array;
  readonly mode: number;
  /** Numeric; root's when absent. */
  readonly group?: number;
}

const BLOCK = 512;

export function packTar(files: readonly TarFile[]): Buffer {
  const parts: Uint8Array[] = [];
  for (const file of files) {
    parts.push(head(file), file.content, Buffer.alloc((BLOCK - (file.content.length % BLOCK)) % BLOCK));
  }
  parts.push(Buffer.alloc(2 * BLOCK));
  return Buffer.concat(parts);
}

/** The regular files of an archive of small files. */
export function unpackTar(archive: Buffer): TarFile[] {
  const files: TarFile[] = [];
  for (let at = 0; at + BLOCK <= archive.length; ) {
    const field = (from: number, bytes: number): string =>
      archive.toString("latin1", at + from, at + from + bytes).replace(/\0.*$/s, "");
    const path = field(0, 100);
    if (path === "") break;
    const size = Number.parseInt(field(124, 12), 8);
    const start = at + BLOCK;
    const isFile = field(156, 1) === "0" || field(156, 1) === "";
    if (isFile)
      files.push({ path, content: archive.subarray(start, start + size), mode: Number.parseInt(field(100, 8), 8) });
    at = start + Math.ceil(size / BLOCK) * BLOCK;
  }
  return files;
}

function head(file: TarFile): Buffer {
  const block = Buffer.alloc(BLOCK);
  if (Buffer.byteLength(file.path) > 100) throw new Error(`path too long for a tar head: ${file.path}`);
  const octal = (value: number, digits: number) => `${value.toString(8).padStart(digits, "0")}\0`;
  block.write(file.path, 0);
  block.write(octal(file.mode, 7), 100);
  block.write(octal(0, 7), 108);
  block.write(octal(file.group ?? 0, 7), 116);
  block.write(octal(file.content.length, 11), 124);
  block.write(octal(0, 11), 136);
  block.write("        ", 148);
  block.write("0", 156);
  block.write("ustar\u000000", 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}
