/** Reads what a program's description names: the files for its nodes, and the folder that its image is built from. */
import { createHash } from "node:crypto";
import { readdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { LabError } from "../base/lab-error.ts";
import { GIVEN_BYTES_MAX, readUserBytes } from "../base/user-file.ts";
import type { Program, ProgramFields } from "./program-spec.ts";

/** Repository of the images that are built from folders; the tag is a content hash of 12 hex digits. */
export const PROGRAM_REPOSITORY = "energy-lab-program";

/** They travel in a label of the lab's network. */
const FILES_BYTES_MAX = 256 * 1024;
const BUILD_BYTES_MAX = 64 * 2 ** 20;
const BUILD_FILES_MAX = 5_000;
/** Nothing in there changes what is built. */
const LEFT_OUT = new Set([".git", "node_modules", "__pycache__", ".venv", "target"]);

export interface FolderFile {
  readonly path: string;
  readonly content: Buffer;
  readonly mode: number;
}

/** @param folder of the file that holds the description. @throws LabError("usage") for a file that can't be read */
export async function readProgram(fields: ProgramFields, folder: string): Promise<Program> {
  const { files = {}, build, ...rest } = fields;
  const entries = await Promise.all(
    Object.entries(files).map(
      async ([path, from]) => [path, (await readNamed(join(folder, from))).toString("base64")] as const,
    ),
  );
  const bytes = entries.reduce((sum, [, content]) => sum + content.length, 0);
  if (bytes > FILES_BYTES_MAX) {
    const message = `the files of node: have ${Math.ceil(bytes / 1024)} KiB, more than ${FILES_BYTES_MAX / 1024}`;
    throw new LabError("usage", message, "put large files into the image");
  }
  const context = build === undefined ? null : resolve(folder, build);
  const image = context === null ? rest.image : `${PROGRAM_REPOSITORY}:${await hashFolder(context)}`;
  return {
    ...rest,
    ...(image !== undefined && { image }),
    files: Object.fromEntries(entries),
    build: context,
    folder: resolve(folder),
  };
}

async function readNamed(path: string): Promise<Buffer> {
  return Buffer.from(await readUserBytes(path, GIVEN_BYTES_MAX, "correct the path in node:"));
}

async function hashFolder(folder: string): Promise<string> {
  const hash = createHash("sha256");
  for (const { path, content, mode } of await readFolder(folder)) {
    hash.update(`\0${path}\0${mode & 0o111}\0${content.length}\0`).update(content);
  }
  return hash.digest("hex").slice(0, 12);
}

/**
 * The files of a folder that an image is built from, in a fixed order.
 * @throws LabError("usage") without a Dockerfile, or when it is far too large to be meant
 */
export async function readFolder(folder: string): Promise<readonly FolderFile[]> {
  const refuse = (what: string, hint: string) => new LabError("usage", `build: ${folder} ${what}`, hint);
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    throw refuse(error.code === "ENOTDIR" ? "is no folder" : "doesn't exist", "name a folder, as seen from the file");
  });
  if (!names.includes("Dockerfile")) throw refuse("has no Dockerfile", "write one, as in compose/programs/election");
  const files: FolderFile[] = [];
  let bytes = 0;
  const walk = async (below: string): Promise<void> => {
    for (const entry of (await readdir(join(folder, below), { withFileTypes: true })).sort((a, b) =>
      a.name < b.name ? -1 : 1,
    )) {
      if (LEFT_OUT.has(entry.name)) continue;
      const path = below === "" ? entry.name : `${below}/${entry.name}`;
      if (entry.isDirectory()) await walk(path);
      if (!entry.isFile()) continue;
      const { mode, size } = await stat(join(folder, path));
      bytes += size;
      if (bytes > BUILD_BYTES_MAX || files.length >= BUILD_FILES_MAX) {
        throw refuse(
          `has more than ${BUILD_BYTES_MAX / 2 ** 20} MiB or ${BUILD_FILES_MAX} files`,
          "point build: at a folder of its own",
        );
      }
      files.push({ path, content: await readNamed(join(folder, path)), mode: mode & 0o777 });
    }
  };
  await walk("");
  return files;
}
