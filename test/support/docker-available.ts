// Is there an engine, and can the image be built on it? Asked once, before the docker tests; the answer carries the
// reason, because a suite that is skipped must say why.
//
// dockerode knows DOCKER_HOST but not docker contexts, so the current context is read here the way the docker client
// does: DOCKER_HOST, else DOCKER_CONTEXT, else `currentContext` of ~/.docker/config.json.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import Docker from "dockerode";
import { z } from "zod";

/** What the Dockerfile builds on. */
export const baseImage = "node:24-bookworm-slim";

/** As testcontainers 12.2 names it. */
const ryukImage = "testcontainers/ryuk:0.14.0";

export type Availability = { available: true } | { available: false; reason: string };

/** Connects to the engine that the docker client would use; doesn't talk to it yet. */
export async function connectDocker(environment: NodeJS.ProcessEnv = process.env): Promise<Docker> {
  if (environment.DOCKER_HOST) return new Docker();
  const folder = environment.DOCKER_CONFIG ?? join(homedir(), ".docker");
  const name = environment.DOCKER_CONTEXT ?? (await readCurrentContext(folder));
  if (name === undefined || name === "default") return new Docker();
  return new Docker(await readContext(folder, name));
}

/** Does an engine answer, and is the base image there or at least to be had? Pulls it when it is absent. */
export async function probeDocker(timeoutMs = 180_000): Promise<Availability> {
  let docker: Docker;
  try {
    docker = await connectDocker();
    await docker.listImages({ abortSignal: AbortSignal.timeout(10_000) });
  } catch (error) {
    return { available: false, reason: `no Docker engine answers (${describe(error)})` };
  }
  try {
    await ensureImage(docker, baseImage, timeoutMs);
    return { available: true };
  } catch (error) {
    const reason = `the base image ${baseImage} can't be had (${describe(error)}); .ci/base-image makes it from packages`;
    return { available: false, reason };
  }
}

/** Can testcontainers have Ryuk, its reaper? Where it can't, testcontainers must be told or it fails every test. */
export async function probeRyuk(timeoutMs = 60_000): Promise<Availability> {
  const docker = await connectDocker();
  try {
    await ensureImage(docker, process.env.RYUK_CONTAINER_IMAGE ?? ryukImage, timeoutMs);
    return { available: true };
  } catch (error) {
    return { available: false, reason: describe(error) };
  }
}

/**
 * Builds the project's image from dist/node.js, with the builder that every engine has.
 * @throws when the build fails, with the builder's last lines
 */
export async function buildImage(projectFolder: string, tag: string): Promise<void> {
  const docker = await connectDocker();
  const stream = await docker.buildImage(
    { context: projectFolder, src: ["Dockerfile", "compose/entrypoint.sh", "dist/node.js"] },
    // forcerm: a failed step leaves no container behind.
    { t: tag, forcerm: true },
  );
  const output = await new Promise<{ stream?: string; error?: string }[]>((resolve, reject) => {
    docker.modem.followProgress(stream, (error, items) => (error ? reject(error) : resolve(items)));
  });
  // dockerode reports a failed build as one more item, not as an error.
  const failure = output.find((item) => item.error !== undefined)?.error;
  if (failure === undefined) return;
  const tail = output.map((item) => item.stream ?? "").join("");
  throw new Error(`the image doesn't build: ${failure}\n${tail.slice(-2_000)}`);
}

/** Has the engine's kernel netem? Asked by using it, in a throw-away container of the project's image. */
export async function probeNetem(image: string): Promise<Availability> {
  const docker = await connectDocker();
  const container = await docker.createContainer({
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
async function ensureImage(docker: Docker, name: string, timeoutMs: number): Promise<void> {
  const isThere = await docker
    .getImage(name)
    .inspect()
    .then(
      () => true,
      () => false,
    );
  if (isThere) return;
  const stream = await docker.pull(name, { abortSignal: AbortSignal.timeout(timeoutMs) });
  await new Promise<void>((resolve, reject) => {
    docker.modem.followProgress(stream, (error) => (error ? reject(error) : resolve()));
  });
  // A failed pull may end as a stream that says so and nothing else.
  await docker.getImage(name).inspect();
}

const configSchema = z.object({ currentContext: z.string().optional() });
const contextSchema = z.object({
  Endpoints: z.object({ docker: z.object({ Host: z.string(), SkipTLSVerify: z.boolean().optional() }) }),
});

async function readCurrentContext(folder: string): Promise<string | undefined> {
  const text = await readFile(join(folder, "config.json"), "utf8").catch(() => "{}");
  return configSchema.parse(JSON.parse(text)).currentContext;
}

async function readContext(folder: string, name: string): Promise<Docker.DockerOptions> {
  const id = createHash("sha256").update(name).digest("hex");
  const text = await readFile(join(folder, "contexts/meta", id, "meta.json"), "utf8").catch(() => {
    throw new Error(`the docker context ${name} doesn't exist`);
  });
  const { Host: host } = contextSchema.parse(JSON.parse(text)).Endpoints.docker;
  const url = new URL(host);
  if (url.protocol === "unix:" || url.protocol === "npipe:") return { socketPath: url.pathname };
  if (url.protocol === "ssh:") {
    return { protocol: "ssh", host: url.hostname, port: Number(url.port || 22), username: url.username };
  }
  const [ca, cert, key] = await Promise.all(
    ["ca.pem", "cert.pem", "key.pem"].map((file) =>
      readFile(join(folder, "contexts/tls", id, "docker", file), "utf8").catch(() => undefined),
    ),
  );
  const tls = ca !== undefined || cert !== undefined;
  return {
    protocol: tls ? "https" : "http",
    host: url.hostname,
    port: Number(url.port || (tls ? 2376 : 2375)),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

function describe(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split("\n")[0] ?? message;
}
