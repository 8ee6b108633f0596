/**
 * Brings the node's image to every host: one stream out of an engine that has it, into all engines that lack it, at the same time. An
 * image that LAB_NODE_IMAGE names is pulled by each host itself where nobody has it.
 */
import { PassThrough } from "node:stream";
import type Docker from "dockerode";
import { LabError } from "../../base/lab-error.ts";
import { sentenceOf } from "../docker/docker-errors.ts";
import { hasImage } from "../docker/docker-image.ts";
import { readJsonLines } from "../docker/docker-stream.ts";
import type { Progress } from "../engine.ts";
import type { Reached, SwarmHost } from "./swarm-hosts.ts";

export type Reachable = ReadonlyMap<SwarmHost, Reached>;

/** The hosts whose engines lack the image. */
export async function hostsWithout(tag: string, hosts: Reachable): Promise<readonly SwarmHost[]> {
  const there = await Promise.all(
    [...hosts].map(async ([host, { docker }]) => [host, await hasImage(docker, tag)] as const),
  );
  return there.filter(([, has]) => !has).map(([host]) => host);
}

/** @throws LabError("failed") naming the hosts that couldn't take it */
export async function spreadImage(
  tag: string,
  from: Docker,
  to: ReadonlyMap<SwarmHost, Reached>,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  if (to.size === 0) return;
  const names = [...to.keys()].map(({ name }) => name).join(", ");
  progress({ step: "image", state: "start", detail: `copy to ${names}` });
  const { Size: size } = await from.getImage(tag).inspect();
  const source = (await from.getImage(tag).get()) as NodeJS.ReadableStream & { destroy(error?: Error): void };
  const stop = () => source.destroy(new Error("interrupted"));
  signal.addEventListener("abort", stop, { once: true });
  let sent = 0;
  let told = 0;
  source.on("data", (chunk: Buffer) => {
    sent += chunk.length;
    const tenth = Math.min(10, Math.floor((10 * sent) / size));
    if (tenth > told) progress({ step: "image", state: "info", detail: `${10 * tenth}% copied to ${names}` });
    told = Math.max(told, tenth);
  });
  const results = await Promise.allSettled(
    [...to].map(async ([host, { docker }]) => {
      const pipe = new PassThrough();
      // The slowest sets the pace; one that breaks lets go.
      source.pipe(pipe);
      source.once("error", (error) => pipe.destroy(error));
      pipe.once("error", () => source.unpipe(pipe));
      try {
        await load(docker, pipe);
      } catch (error) {
        source.unpipe(pipe);
        pipe.resume();
        throw new Error(`${host.name}: ${sentenceOf(error)}`, { cause: error });
      }
    }),
  );
  signal.removeEventListener("abort", stop);
  source.destroy();
  if (signal.aborted) throw new LabError("interrupted", "the copy of the node image was interrupted", "run it again");
  const failed = results
    .filter((result) => result.status === "rejected")
    .map((result) => (result.reason as Error).message);
  if (failed.length > 0) {
    progress({ step: "image", state: "failed" });
    throw new LabError(
      "failed",
      `the node image can't be copied: ${failed.join("; ")}`,
      "repeat the command, or leave that host out: --hosts",
    );
  }
  progress({ step: "image", state: "done", detail: `copied to ${names}` });
}

async function load(docker: Docker, archive: NodeJS.ReadableStream): Promise<void> {
  const answer = await docker.loadImage(archive as never, { quiet: true } as never);
  for await (const item of readJsonLines(answer as unknown as AsyncIterable<Buffer>))
    if (typeof item.error === "string") throw new Error(item.error);
}

/** From a registry. @throws LabError("failed") with the engine's own words */
export async function pullEverywhere(tag: string, to: Reachable, progress: Progress): Promise<void> {
  progress({
    step: "image",
    state: "start",
    detail: `pull ${tag} on ${[...to.keys()].map(({ name }) => name).join(", ")}`,
  });
  await Promise.all(
    [...to].map(async ([host, { docker }]) => {
      try {
        for await (const item of readJsonLines((await docker.pull(tag)) as AsyncIterable<Buffer>))
          if (typeof item.error === "string") throw new Error(item.error);
      } catch (error) {
        const why = `host ${host.name} has no image ${tag} and can't pull it: ${sentenceOf(error)}`;
        throw new LabError("failed", why, "push it to a registry that all hosts reach, or unset LAB_NODE_IMAGE");
      }
    }),
  );
  progress({ step: "image", state: "done", detail: tag });
}
