// Is there an engine, and can the node's image be had on it? Asked once, before the docker tests; the answer carries the
// reason, because a suite that is skipped must say why. Connection and image are the lab's own: what is tested is what
// `lab up` starts.
import type Docker from "dockerode";
import { LabError } from "../../lab/base/lab-error.ts";
import { connectDocker } from "../../lab/engine/docker/docker-connect.ts";
import { buildImage, planImage } from "../../lab/engine/docker/docker-image.ts";

/** As testcontainers 12.2 names it. */
const ryukImage = "testcontainers/ryuk:0.14.0";

export type Unavailable = { readonly available: false; readonly reason: string };
export type Availability = { readonly available: true } | Unavailable;

/**
 * Does an engine answer, and can it build the node's image? Builds it, so the tests find it there.
 * @throws when the image doesn't build although its base is there: that is a defect, not a reason to skip
 */
export async function probeDocker(): Promise<{ readonly available: true; readonly image: string } | Unavailable> {
  try {
    using connection = await connectDocker();
    await connection.docker.listImages({ abortSignal: AbortSignal.timeout(10_000) });
  } catch (error) {
    return { available: false, reason: `no Docker engine answers (${firstLine(error)})` };
  }
  using connection = await connectDocker();
  const signal = AbortSignal.timeout(600_000);
  const ignoreProgress = () => undefined;
  const plan = await planImage(ignoreProgress);
  try {
    await buildImage(connection.docker, plan, ignoreProgress, signal);
    return { available: true, image: plan.tag };
  } catch (error) {
    if (!(error instanceof LabError) || error.details.reason !== "noBaseImage") throw error;
    return { available: false, reason: `${firstLine(error)}; .ci/base-image makes it from packages` };
  }
}

/** Can testcontainers have Ryuk, its reaper? Where it can't, testcontainers must be told or it fails every test. */
export async function probeRyuk(): Promise<Availability> {
  using connection = await connectDocker();
  try {
    await ensureImage(connection.docker, process.env.RYUK_CONTAINER_IMAGE ?? ryukImage);
    return { available: true };
  } catch (error) {
    return { available: false, reason: firstLine(error) };
  }
}

/** Has the engine's kernel netem? Asked by using it, in a throw-away container of the node's image. */
export async function probeNetem(image: string): Promise<Availability> {
  using connection = await connectDocker();
  const container = await connection.docker.createContainer({
    Image: image,
    Entrypoint: ["tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms"],
    // Plain text in the log instead of frames.
    Tty: true,
    HostConfig: { CapAdd: ["NET_ADMIN"], NetworkMode: "none" },
  });
  try {
    await container.start();
    const { StatusCode } = (await container.wait()) as { StatusCode: number };
    if (StatusCode === 0) return { available: true };
    const answer = (await container.logs({ stdout: true, stderr: true })).toString("utf8").trim();
    return { available: false, reason: `the engine's kernel has no netem (tc: ${answer.split(/\r?\n/).join("; ")})` };
  } finally {
    await container.remove({ force: true });
  }
}

/** Pulls an image that is absent. Throws when it can't be had. */
async function ensureImage(docker: Docker, name: string): Promise<void> {
  const isThere = await docker
    .getImage(name)
    .inspect()
    .then(
      () => true,
      () => false,
    );
  if (isThere) return;
  const stream = await docker.pull(name, { abortSignal: AbortSignal.timeout(60_000) });
  await new Promise<void>((resolve, reject) => {
    docker.modem.followProgress(stream, (error) => (error ? reject(error) : resolve()));
  });
  // A failed pull may end as a stream that says so and nothing else.
  await docker.getImage(name).inspect();
}

function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split("\n", 1)[0] ?? message;
}
