/**
 * One node's life: start, stop, kill, pause, resume, remove, and its cable. "It was so already" is success; what can't be done in
 * the node's present state says which command comes first.
 */

import type Docker from "dockerode";
import type { NodeId } from "../../../node/wire/ids.ts";
import { LabError } from "../../base/lab-error.ts";
import { NEXT } from "../../base/next.ts";
import { plugContainer, startContainer } from "./docker-attach.ts";
import { allow, isRefusal, statusOf } from "./docker-errors.ts";
import { DOCKER_LABELS } from "./docker-labels.ts";
import { findNode, type NodeContainer } from "./docker-labs.ts";

const FREEZE_TRIES_MAX = 10;

export async function startNode(docker: Docker, lab: string, id: NodeId): Promise<void> {
  const node = await findNode(docker, lab, id);
  if (node.state === "paused") throw isPaused(id);
  await startContainer(docker, lab, id, node.id, node.info.Labels[DOCKER_LABELS.address]);
}

export async function stopNode(docker: Docker, lab: string, id: NodeId, graceMs: number): Promise<void> {
  const node = await findNode(docker, lab, id);
  const container = docker.getContainer(node.id);
  // The engine's own stop would thaw it too, but some versions let the whole grace pass first.
  if (node.state === "paused") await allow([304, 409, 500], container.unpause());
  // Whole seconds; 0 means SIGKILL at once.
  await allow([304], container.stop({ t: Math.ceil(graceMs / 1000) }));
}

/** Throws LabError("failed") when it doesn't run, LabError("usage") for a signal that the engine doesn't know. */
export async function killNode(docker: Docker, lab: string, id: NodeId, signal: string): Promise<void> {
  const node = await findNode(docker, lab, id);
  try {
    await docker.getContainer(node.id).kill({ signal });
  } catch (error) {
    if (isRefusal(error, "invalidSignal")) {
      throw new LabError("usage", `there is no signal "${signal}"`, "use KILL, TERM, INT, HUP, STOP, CONT, USR1, …", {
        cause: error,
      });
    }
    throw statusOf(error) === 409 || isRefusal(error, "notRunning") ? notRunning(node) : error;
  }
  // The engine answers before the process is gone; who kills wants it dead.
  if (/^(SIG)?KILL$|^9$/i.test(signal))
    await allow([404], docker.getContainer(node.id).wait({ condition: "not-running" }));
}

export async function pauseNode(docker: Docker, lab: string, id: NodeId): Promise<void> {
  const node = await findNode(docker, lab, id);
  if (node.state === "paused") return;
  if (node.state !== "running") throw notRunning(node);
  for (let tries = 1; ; tries++) {
    try {
      await docker.getContainer(node.id).pause();
      return;
    } catch (error) {
      if (isRefusal(error, "alreadyPaused")) return;
      if (isRefusal(error, "notRunning")) throw notRunning(node);
      // On cgroup version 1 and a busy machine runc gives up now and then, and undoes it.
      if (!isRefusal(error, "notFrozen") || tries === FREEZE_TRIES_MAX) throw error;
    }
  }
}

export async function resumeNode(docker: Docker, lab: string, id: NodeId): Promise<void> {
  const node = await findNode(docker, lab, id);
  if (node.state === "running") return;
  if (node.state !== "paused") throw notRunning(node);
  try {
    await docker.getContainer(node.id).unpause();
  } catch (error) {
    if (!isRefusal(error, "notPaused")) throw error;
  }
}

export async function removeNode(docker: Docker, lab: string, id: NodeId): Promise<void> {
  const node = await findNode(docker, lab, id);
  await removeContainer(docker, node.id);
}

/** Gone when it resolves, also when somebody else is removing it at the moment. True when it was there. */
export async function removeContainer(docker: Docker, id: string): Promise<boolean> {
  const container = docker.getContainer(id);
  try {
    await container.remove({ force: true, v: true });
    return true;
  } catch (error) {
    if (statusOf(error) === 404) return false;
    if (!isRefusal(error, "beingRemoved")) throw error;
    await allow([404], container.wait({ condition: "removed" }));
    return true;
  }
}

/** Pulls the cable: the node's interface is gone, and with it its membership of the multicast group. */
export async function unplugNode(docker: Docker, lab: string, id: NodeId): Promise<void> {
  const node = await findNode(docker, lab, id);
  const ends = Object.values(node.info.NetworkSettings.Networks);
  await Promise.all(
    ends
      .filter((end) => end.NetworkID !== "")
      .map((end) => allow([404], docker.getNetwork(end.NetworkID).disconnect({ Container: node.id, Force: true }))),
  );
}

/** Puts it back with the address that it had. The interface may have another name afterwards (eth1). */
export async function plugNode(docker: Docker, lab: string, id: NodeId): Promise<void> {
  await plugContainer(docker, lab, await findNode(docker, lab, id));
}

export function isPaused(id: NodeId): LabError {
  return new LabError("failed", `node ${id} is paused`, NEXT.resumeNodes([id]));
}

export function notRunning(node: NodeContainer): LabError {
  const state =
    node.state === "created" ? "was never started" : node.state === "paused" ? "is paused" : "isn't running";
  const cure = node.state === "paused" ? NEXT.resumeNodes([node.node]) : NEXT.startNodes([node.node]);
  return new LabError("failed", `node ${node.node} ${state}`, cure);
}
