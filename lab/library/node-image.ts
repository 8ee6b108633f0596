/**
 * The node's image on the engine that testcontainers uses: the one that `lab up` makes, under the same tag (a hash of what goes in), so
 * a second process finds it. Made of what the package carries: Dockerfile, entry point, dist/node.js.
 */
import { getContainerRuntimeClient } from "testcontainers";
import { buildImage, planImage } from "../engine/docker/docker-image.ts";

const BUILD_MS = 600_000;

let made: Promise<string> | null = null;

/**
 * The image's tag; built first where the engine hasn't got it. LAB_NODE_IMAGE names a ready one instead.
 * @throws LabError when it can't be built, or its base can't be had
 */
export function ensureNodeImage(): Promise<string> {
  made ??= build().catch((error: unknown) => {
    made = null;
    throw error;
  });
  return made;
}

async function build(): Promise<string> {
  const plan = await planImage(() => {});
  const client = await getContainerRuntimeClient();
  await buildImage(client.container.dockerode, plan, () => {}, AbortSignal.timeout(BUILD_MS));
  return plan.tag;
}
