/**
 * A container's disk: emptied, saved, and replaced by a saved one.
 *
 * `/data` is in the container's own layer, which the engine reads at any time. To change it takes the entry point, which does it before it
 * starts the node: it alone can make the files belong to the node's user.
 */
import type { Readable } from "node:stream";
import type Docker from "dockerode";
import type { NodeId } from "../../../node/wire/ids.ts";
import { LabError, nodeStillRuns } from "../../base/lab-error.ts";
import { NEXT } from "../../base/next.ts";
import { packDisk, unpackDisk } from "../disk-image.ts";
import { FAULTS_DIR } from "../engine.ts";
import { packTar, type TarFile, unpackTar } from "../tar.ts";
import { allow } from "./docker-errors.ts";
import { findNode } from "./docker-labs.ts";
import { pauseNode, resumeNode } from "./docker-nodes.ts";

const DATA_DIR = "/data";

/** Throws LabError("failed") while the node runs, LabError("unsupported") where the container doesn't start as root. */
export async function wipeDisk(docker: Docker, lab: string, id: NodeId): Promise<void> {
  await replaceDisk(docker, lab, id, []);
}

/** Throws LabError("usage") for other bytes than a saved disk, and what `wipeDisk` throws. */
export async function restoreDisk(docker: Docker, lab: string, id: NodeId, image: Uint8Array): Promise<void> {
  await replaceDisk(docker, lab, id, await unpackDisk(image));
}

/** The files as a crash at this instant would leave them. Throws LabError("failed") when there is no ledger. */
export async function saveDisk(docker: Docker, lab: string, id: NodeId): Promise<Uint8Array> {
  const node = await findNode(docker, lab, id);
  const isRunning = node.state === "running";
  if (isRunning) await pauseNode(docker, lab, id);
  try {
    const archive = await allow([404], docker.getContainer(node.id).getArchive({ path: DATA_DIR }));
    const files = archive === null ? [] : await unpackTar(archive as unknown as Readable);
    return await packDisk(
      id,
      files.map((file) => ({ ...file, path: file.path.replace(/^data\//, "") })),
    );
  } finally {
    if (isRunning) await resumeNode(docker, lab, id);
  }
}

async function replaceDisk(docker: Docker, lab: string, id: NodeId, files: readonly TarFile[]): Promise<void> {
  const node = await findNode(docker, lab, id);
  if (node.state === "running" || node.state === "paused") throw nodeStillRuns(id);
  const container = docker.getContainer(node.id);
  const { User: user } = (await container.inspect()).Config;
  if (user !== "" && user !== "0" && user !== "root") {
    throw new LabError(
      "unsupported",
      `node ${id}'s container starts as user ${user}, who can't replace a disk`,
      NEXT.removeNode(id),
    );
  }
  // The names in it: files of an earlier order that was never carried out may lie there too.
  const marker = { path: "wipe", content: Buffer.from(files.map(({ path }) => path).join(" ")), mode: 0o600 };
  const disk = files.map((file) => ({ ...file, path: `disk-${file.path}` }));
  await container.putArchive(await packTar([marker, ...disk]), { path: FAULTS_DIR });
}
