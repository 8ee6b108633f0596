/**
 * The helper of a node that runs somebody else's program: a container of our image in the node's network namespace, with the tools and the
 * capability that faults need. The program's own container gets neither. It ends by itself when its faults are over.
 */
import type Docker from "dockerode";
import type { NodeId } from "../../../node/wire/ids.ts";
import { LabError } from "../../base/lab-error.ts";
import { NEXT } from "../../base/next.ts";
import { FAULTS_DIR } from "../engine.ts";
import { allow, statusOf } from "./docker-errors.ts";
import { containerName, DOCKER_LABELS, labelled, maker } from "./docker-labels.ts";
import type { NodeContainer } from "./docker-labs.ts";
import { notRunning } from "./docker-nodes.ts";
import { tapMount, tapScript } from "./docker-tap.ts";

/** It waits for its first order, then stays as long as there is a fault. With a tap it stays as long as that. */
const MAIN = `trap 'exit 0' TERM; n=0; while [ $n -lt 30 ]; do if [ -e ${FAULTS_DIR}/apply ]; then n=25; else n=$((n+1)); fi; sleep 1 & wait $!; done`;

export async function findHelper(docker: Docker, lab: string, id: NodeId): Promise<string | null> {
  const filters = labelled([DOCKER_LABELS.lab, lab], [DOCKER_LABELS.helper, String(id)]);
  const [found] = await docker.listContainers({ filters });
  return found?.Id ?? null;
}

/** Its container, made where there is none. @throws LabError("failed") for a node that doesn't run */
export async function ensureHelper(
  docker: Docker,
  lab: string,
  node: NodeContainer,
  { image, isTapped }: { readonly image: string; readonly isTapped: boolean },
): Promise<string> {
  const found = await findHelper(docker, lab, node.node);
  if (found !== null) return found;
  if (node.state !== "running" && node.state !== "paused") throw notRunning(node);
  const name = `${containerName(lab, node.node)}-helper`;
  try {
    const container = await docker.createContainer({
      name,
      Image: image,
      Labels: { [DOCKER_LABELS.lab]: lab, [DOCKER_LABELS.helper]: String(node.node), [DOCKER_LABELS.maker]: maker() },
      Entrypoint: ["/bin/sh", "-c", isTapped ? tapScript(node.node) : MAIN],
      Cmd: [],
      User: "0",
      Healthcheck: { Test: ["NONE"] },
      StopTimeout: 0,
      HostConfig: {
        NetworkMode: `container:${node.id}`,
        // With a tap it never ends by itself, and its volume has to be free when the lab goes.
        AutoRemove: !isTapped,
        ...(isTapped && { Mounts: [tapMount(lab)] }),
        CapDrop: ["ALL"],
        CapAdd: ["NET_ADMIN", "NET_RAW", "DAC_OVERRIDE", "KILL", "SETUID", "SETGID"],
        PidsLimit: 64,
        LogConfig: { Type: "none", Config: {} },
      },
    });
    await container.start();
    return container.id;
  } catch (error) {
    // Another command was faster.
    if (statusOf(error) !== 409) throw error;
    const theirs = await findHelper(docker, lab, node.node);
    if (theirs !== null) return theirs;
    throw new LabError(
      "failed",
      `the helper of node ${node.node} can't be made: ${(error as Error).message}`,
      NEXT.removeLab(lab),
    );
  }
}

/** Removes it, where there is one. True when there was. */
export async function dropHelper(docker: Docker, lab: string, id: NodeId): Promise<boolean> {
  const found = await findHelper(docker, lab, id);
  if (found === null) return false;
  const container = docker.getContainer(found);
  // A tap says at its end what it missed.
  await allow([304, 404], container.stop({ t: 1 }));
  await allow([404, 409], container.remove({ force: true }));
  await allow([404], container.wait({ condition: "removed" }));
  return true;
}
