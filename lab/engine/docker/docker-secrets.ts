/**
 * A lab's cluster keys and control token as files on one volume that all its containers mount: `/run/secrets/keys` and `token`.
 *
 * Why not their environment: `docker inspect`, which monitoring and dashboards collect, shows that to everybody who may look. One
 * volume and one upload for a lab, not for a container, cost `up` one request that runs beside others. The files belong to
 * root and the node's group and nobody else reads them; who may use the engine may start a container on the volume, or be root at once.
 */
import type { Readable } from "node:stream";
import type Docker from "dockerode";
import { LabError } from "../../base/lab-error.ts";
import { StateDir } from "../../base/state-dir.ts";
import type { LabSpec } from "../engine.ts";
import { packTar, unpackTar } from "../tar.ts";
import { allow } from "./docker-errors.ts";
import { labLabels } from "./docker-labels.ts";
import type { NodeContainer } from "./docker-labs.ts";

const FOLDER = "/run/secrets";
/** The group that the entry point gives the node. */
const NODE_GROUP = 1000;

/** `{run, token}` in the lab's folder. */
const TOKEN_FILE = "token.json";

export type Secrets = Pick<LabSpec, "keys" | "token">;

/** Variables that tell a node where its secrets are. */
export const SECRET_VARIABLES = {
  DS_KEYS_FILE: `${FOLDER}/keys`,
  DS_CONTROL_TOKEN_FILE: `${FOLDER}/token`,
} as const;

/**
 * The engine makes the volume, labelled, with the first container that names it. Mounted writable, since engines upload into no
 * read-only one; the node has no right to change the files.
 */
export function secretsMount(spec: LabSpec): Docker.MountSettings {
  const options = { NoCopy: true, Labels: labLabels(spec) } as NonNullable<Docker.MountSettings["VolumeOptions"]>;
  return { Type: "volume", Source: `energy-lab-${spec.name}-secrets`, Target: FOLDER, VolumeOptions: options };
}

/** Through any container of the lab, running or not. */
export async function writeSecrets(docker: Docker, container: string, secrets: Secrets): Promise<void> {
  const files = Object.entries(secrets).map(([path, text]) => ({
    path,
    content: Buffer.from(`${text}\n`),
    mode: 0o440,
    group: NODE_GROUP,
  }));
  await docker.getContainer(container).putArchive(await packTar(files), { path: FOLDER });
}

function hasSecrets({ info }: NodeContainer): boolean {
  return info.Mounts.some((mount) => mount.Destination === FOLDER);
}

/** Null: these containers have no such volume (compose), or none of them is there any more. */
export async function readSecrets(docker: Docker, containers: readonly NodeContainer[]): Promise<Secrets | null> {
  for (const container of containers.filter(hasSecrets)) {
    const archive = await allow([404, 409], docker.getContainer(container.id).getArchive({ path: FOLDER }));
    if (archive === undefined) continue;
    const files = await unpackTar(archive as Readable);
    const text = (name: string): string =>
      Buffer.from(files.find((file) => file.path.endsWith(`/${name}`))?.content ?? [])
        .toString()
        .trim();
    return { keys: text("keys"), token: text("token") };
  }
  return null;
}

/**
 * The control token of a lab. Kept in its folder (mode 0700), because getting a file out of a container takes an engine ten times as
 * long as a look at it; of another life of the lab, or from another user's folder, it is asked for again.
 */
export async function findToken(
  docker: Docker,
  lab: string,
  run: string | null,
  containers: readonly NodeContainer[],
): Promise<string | null> {
  if (!containers.some(hasSecrets)) return null;
  const state = new StateDir(lab);
  const kept = await state.readJson(TOKEN_FILE, (json) => json as { run?: string; token?: string });
  if (kept?.token !== undefined && run !== null && kept.run === run) return kept.token;
  const secrets = await readSecrets(docker, containers);
  if (secrets === null) return null;
  if (run !== null) await keepToken(lab, run, secrets.token);
  return secrets.token;
}

/** Only beside what is there already: a folder would claim that this user made the lab. */
export async function keepToken(lab: string, run: string, token: string): Promise<void> {
  const state = new StateDir(lab);
  if ((await state.readJson("lab.json", (json) => json)) !== null) await state.writeJson(TOKEN_FILE, { run, token });
}

/** Replaces the keys; the token stays. Throws LabError("unsupported") for containers without the volume. */
export async function replaceKeys(
  docker: Docker,
  lab: string,
  containers: readonly NodeContainer[],
  keys: string,
): Promise<void> {
  const [first] = containers;
  const secrets = await readSecrets(docker, containers);
  if (first === undefined || secrets === null) {
    throw new LabError(
      "unsupported",
      `lab "${lab}" has no key file: \`lab up\` didn't make it`,
      "change its keys with the tool that made it",
    );
  }
  await writeSecrets(docker, first.id, { ...secrets, keys });
}
