/**
 * Where a local lab lies: `<state>/<lab>/local/`, with `lab.json` and one folder per node.
 *
 *   lab.json            LabRecord: specification and ports       nodes/3/node.json      the node's own variables
 *   keys, token         its secrets, which the nodes read
 *   nodes/3/data/       its ledger, exit.json                    nodes/3/process.json   its process, with start time
 *   nodes/3/stdout.log  its journal     nodes/3/stderr.log       nodes/3/ready          there while it is READY
 *
 * Idea: a folder is made before the process that it belongs to, and each process carries its folder's path in its environment
 * (`ENERGY_LAB_DIR`), so either one leads to the other whatever was lost in between.
 */
import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ImpairmentSet } from "../../../node/wire/control.ts";
import type { NodeId } from "../../../node/wire/ids.ts";
import { findByEnvironment, type ProcessMark } from "../../base/process-table.ts";
import { stateRoot } from "../../base/state-dir.ts";
import { DISK_FILES, packDisk, unpackDisk } from "../disk-image.ts";
import type { LabSpec } from "../engine.ts";
import type { TarFile } from "../tar.ts";
import { BLOCK, FIRST_PORT } from "./local-ports.ts";

/** Marks a node's process: `<lab>/<id>` for people, the folder for us. */
export const LAB_VARIABLE = "ENERGY_LAB";
export const DIR_VARIABLE = "ENERGY_LAB_DIR";

export interface LabRecord {
  readonly spec: LabSpec;
  /** Node N listens on this plus N; the group uses this port itself. */
  readonly portBase: number;
  /** False: every node sends its multicasts to each peer by unicast. */
  readonly multicast: boolean;
  readonly createdAtMs: number;
}

/** Which of the blocks of ports a lab has, from 0. */
export function portIndex(portBase: number): number {
  return (portBase - FIRST_PORT) / BLOCK;
}

/** Of the user's own environment: what any process needs. */
export function inheritedEnv(): Readonly<Record<string, string>> {
  const names = ["PATH", "HOME", "TZ", "LANG", "TMPDIR", "SystemRoot"];
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
}

export interface ProcessRecord extends ProcessMark {
  readonly startedAtMs: number;
}

export function labDir(lab: string): string {
  return join(stateRoot(), lab, "local");
}

export function nodeDir(lab: string, id: NodeId): string {
  return join(labDir(lab), "nodes", String(id));
}

/** Names of the labs that have a folder, broken ones included. */
export async function listLabs(): Promise<readonly string[]> {
  const entries: readonly string[] = await readdir(stateRoot()).catch(orNothing([]));
  // Folders that are being removed have names that no lab can have.
  const names = entries.filter((name) => !name.startsWith("."));
  const checked = await Promise.all(names.map(async (name) => ((await exists(labDir(name))) ? name : null)));
  return checked.filter((name) => name !== null);
}

export async function listNodes(lab: string): Promise<readonly NodeId[]> {
  const names = await readdir(join(labDir(lab), "nodes")).catch(() => []);
  return names
    .map(Number)
    .filter((id) => Number.isInteger(id) && id > 0)
    .sort((a, b) => a - b);
}

export function exists(path: string): Promise<boolean> {
  return readdir(path).then(() => true, orNothing(false));
}

/** A folder that can't be read counts as absent, but not one that we may not read: it may hold anything. */
function orNothing<T>(nothing: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === "EACCES") throw error;
    return nothing;
  };
}

/** Variables that tell a node where its secrets are: files, which can be replaced while it runs and aren't inherited by anybody. */
export function secretVariables(lab: string): Readonly<Record<string, string>> {
  return { DS_KEYS_FILE: join(labDir(lab), "keys"), DS_CONTROL_TOKEN_FILE: join(labDir(lab), "token") };
}

export async function readLabRecord(lab: string): Promise<LabRecord | null> {
  const [record, keys, token] = await Promise.all([
    readJson<LabRecord>(join(labDir(lab), "lab.json")),
    ...["keys", "token"].map((name) => readFile(join(labDir(lab), name), "utf8").catch(() => "")),
  ]);
  if (record === null) return null;
  return { ...record, spec: { ...record.spec, keys: (keys ?? "").trim(), token: (token ?? "").trim() } };
}

/** The secrets first: a reader that finds the record finds them too. */
export async function writeLabRecord(record: LabRecord): Promise<void> {
  const { keys, token, ...spec } = record.spec;
  const { name } = spec;
  await Promise.all([writeKeys(name, keys), writeText(join(labDir(name), "token"), `${token}\n`)]);
  await writeJson(join(labDir(name), "lab.json"), { ...record, spec });
}

export function writeKeys(lab: string, keys: string): Promise<void> {
  return writeText(join(labDir(lab), "keys"), `${keys}\n`);
}

export function readProcessRecord(lab: string, id: NodeId): Promise<ProcessRecord | null> {
  return readJson<ProcessRecord>(join(nodeDir(lab, id), "process.json"));
}

export function writeProcessRecord(lab: string, id: NodeId, record: ProcessRecord): Promise<void> {
  return writeJson(join(nodeDir(lab, id), "process.json"), record);
}

/**
 * How the node's process ended, in its own words: nobody else is left to be told, because its parent let go of it. Null when it left
 * none: a signal ended it, or the machine did.
 */
export async function readExitRecord(
  lab: string,
  id: NodeId,
  pid: number,
): Promise<{ readonly exitCode: number; readonly finishedAtMs: number } | null> {
  const found = await readJson<{ pid?: unknown; exitCode?: unknown; atMs?: unknown }>(
    join(nodeDir(lab, id), "data", "exit.json"),
  );
  if (found?.pid !== pid || typeof found.exitCode !== "number" || typeof found.atMs !== "number") return null;
  return { exitCode: found.exitCode, finishedAtMs: found.atMs };
}

export async function readNodeEnv(lab: string, id: NodeId): Promise<Readonly<Record<string, string>>> {
  return (await readJson<Record<string, string>>(join(nodeDir(lab, id), "node.json"))) ?? {};
}

/** Throws EEXIST when the node has a folder already. */
export async function makeNodeDir(lab: string, id: NodeId, env: Readonly<Record<string, string>>): Promise<void> {
  const dir = nodeDir(lab, id);
  await mkdir(join(labDir(lab), "nodes"), { recursive: true, mode: 0o700 });
  await mkdir(dir, { mode: 0o700 });
  await Promise.all([mkdir(join(dir, "data"), { mode: 0o700 }), writeJson(join(dir, "node.json"), env)]);
}

/** Removes the node's ledger and all else that it wrote; its logs stay. */
export async function emptyDisk(lab: string, id: NodeId): Promise<void> {
  const data = join(nodeDir(lab, id), "data");
  await rm(data, { recursive: true, force: true, maxRetries: 3 });
  await mkdir(data, { mode: 0o700 });
}

/** As the node itself keeps it (node/runtime/impairment-file.ts). A newer list than this one is somebody else's, and stays. */
export async function leaveFaultsOf(lab: string, id: NodeId, set: ImpairmentSet): Promise<void> {
  const path = join(nodeDir(lab, id), "data", "faults.json");
  const kept = ImpairmentSet.safeParse(await readJson(path)).data;
  if (kept === undefined || kept.generation <= set.generation) await writeJson(path, set);
}

/** Throws LabError("failed") when there is no ledger. */
export async function readDisk(lab: string, id: NodeId): Promise<Uint8Array> {
  const data = join(nodeDir(lab, id), "data");
  const files: TarFile[] = [];
  for (const path of DISK_FILES) {
    const content = await readFile(join(data, path)).catch(() => null);
    if (content !== null) files.push({ path, content, mode: 0o600 });
  }
  return await packDisk(id, files);
}

/** Throws LabError("usage") for other bytes than `readDisk` gives. */
export async function writeDisk(lab: string, id: NodeId, image: Uint8Array): Promise<void> {
  const files = await unpackDisk(image);
  await emptyDisk(lab, id);
  const data = join(nodeDir(lab, id), "data");
  for (const { path, content } of files) await writeFile(join(data, path), content, { mode: 0o600 });
}

export function markOf(dir: string): string {
  return encodeURI(dir);
}

/** All node processes on this machine that belong to labs below our state folder, by what they carry in their environment. */
export async function findNodeProcesses(): Promise<readonly { pid: number; lab: string; id: NodeId }[]> {
  const root = `${stateRoot()}/`;
  const found: { pid: number; lab: string; id: NodeId }[] = [];
  for (const { pid, value } of await findByEnvironment(DIR_VARIABLE)) {
    const dir = decodeURI(value);
    const match = dir.startsWith(root) ? /^([^/]+)\/local\/nodes\/(\d+)$/.exec(dir.slice(root.length)) : null;
    if (match?.[1] !== undefined) found.push({ pid, lab: match[1], id: Number(match[2]) });
  }
  return found;
}

async function readJson<T>(path: string): Promise<T | null> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as T;
  } catch {
    return null;
  }
}

function writeJson(path: string, value: unknown): Promise<void> {
  return writeText(path, JSON.stringify(value));
}

/** For the user alone; at no instant half a file. */
async function writeText(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomBytes(4).toString("hex")}.tmp`;
  await writeFile(temporary, text, { mode: 0o600 });
  await rename(temporary, path);
}
