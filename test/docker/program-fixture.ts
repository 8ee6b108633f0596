// Programs that aren't ours in containers: what the tests about them share.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectDocker } from "../../lab/engine/docker/docker-connect.ts";
import { type CliLab, removeStateHome } from "../support/cli-lab.ts";
import { PROJECT_ROOT } from "../support/sources.ts";

export const ELECTION = join(PROJECT_ROOT, "compose/programs/election");
/** An image that is there already. */
export const BASE = "node:24-bookworm-slim";

/** A folder for lab files, of one test file. */
export async function openFolder(): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), "lab-programs-"));
  const remove = async (): Promise<void> => {
    await rm(path, { recursive: true });
    await removeStateHome();
  };
  return { path, remove };
}

export async function containersOf(lab: CliLab): Promise<readonly { name: string; caps: readonly string[] | null }[]> {
  using raw = await connectDocker();
  const label = [`energy-lab.lab=${lab.name}`];
  const found = await raw.docker.listContainers({ all: true, filters: { label } });
  return await Promise.all(
    found.map(async ({ Id, Names }) => {
      const info = await raw.docker.getContainer(Id).inspect();
      return { name: Names[0] ?? "", caps: info.HostConfig.CapAdd ?? null };
    }),
  );
}

export async function helpersOf(lab: CliLab): Promise<number> {
  return (await containersOf(lab)).filter(({ name }) => name.endsWith("-helper")).length;
}
