/**
 * The node's image, named by its content: the tag is a hash of everything that goes in, so "is it built?" is one question to the
 * engine, an edit of the sources makes another image, and a lab that runs keeps the one that it was started with.
 *
 * Built by the classic builder, which every engine has; one that has only BuildKit left is asked again with that.
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type Docker from "dockerode";
import { LabError } from "../../base/lab-error.ts";
import { NEXT } from "../../base/next.ts";
import type { Progress } from "../engine.ts";
import { ensureNodeBundle, projectRoot } from "../node-bundle.ts";
import { packTar, type TarFile } from "../tar.ts";
import { allow, LOCAL_INSTEAD, sentenceOf } from "./docker-errors.ts";
import { DOCKER_LABELS, IMAGE_REPOSITORY, labelled } from "./docker-labels.ts";
import { readJsonLines } from "./docker-stream.ts";

type Environment = Readonly<Record<string, string | undefined>>;

export interface ImagePlan {
  readonly tag: string;
  readonly base: string;
  /** Empty: an image that the user made and named; it is taken as it is. */
  readonly files: readonly TarFile[];
  /** Build arguments of the user's configuration: they change nothing of what is built, so the tag doesn't know them. */
  readonly proxies?: Readonly<Record<string, string>>;
}

/**
 * The image's present content, bundle included (made first where its sources changed). With LAB_NODE_IMAGE the user names a
 * ready one instead, on machines that can't build.
 */
export async function planImage(progress: Progress, environment: Environment = process.env): Promise<ImagePlan> {
  if (environment.LAB_NODE_IMAGE)
    return { tag: environment.LAB_NODE_IMAGE, base: environment.LAB_NODE_IMAGE, files: [] };
  const root = projectRoot();
  const bundle = await ensureNodeBundle(progress, root);
  const [dockerfile, entrypoint, node] = await Promise.all([
    readFile(join(root, "Dockerfile")),
    readFile(join(root, "compose/entrypoint.sh")),
    readFile(bundle),
  ]);
  const base = environment.LAB_BASE_IMAGE || baseOf(dockerfile.toString());
  const files: TarFile[] = [
    { path: "Dockerfile", content: dockerfile, mode: 0o644 },
    { path: "compose/entrypoint.sh", content: entrypoint, mode: 0o755 },
    { path: "dist/node.js", content: node, mode: 0o644 },
  ];
  const hash = createHash("sha256").update(base);
  for (const file of files) hash.update(`\0${file.path}\0${file.content.length}\0`).update(file.content);
  return { tag: `${IMAGE_REPOSITORY}:${hash.digest("hex").slice(0, 12)}`, base, files };
}

/** Default of the Dockerfile's `ARG BASE`. */
function baseOf(dockerfile: string): string {
  return /^ARG\s+BASE=(\S+)/m.exec(dockerfile)?.[1] ?? "node:24-bookworm-slim";
}

export async function hasImage(docker: Docker, tag: string): Promise<boolean> {
  return (await allow([404], docker.getImage(tag).inspect())) !== undefined;
}

/** Any image of a node, the newest; null when there is none. They differ in the node's code, not in the tools around it. */
export async function findAnyImage(docker: Docker): Promise<string | null> {
  const images = await docker.listImages({ filters: labelled([DOCKER_LABELS.image, "node"]) });
  return images.toSorted((a, b) => b.Created - a.Created)[0]?.Id ?? null;
}

/**
 * Builds what the plan says. True when there was something to build.
 * Throws LabError("engineUnreachable") with `details.reason: "noBaseImage"` when the base image can be had neither here nor from
 * a registry (`up` then falls back to local processes); LabError("failed") with the build's own output for everything else.
 */
export async function buildImage(
  docker: Docker,
  plan: ImagePlan,
  progress: Progress,
  signal: AbortSignal,
): Promise<boolean> {
  if (await hasImage(docker, plan.tag)) return false;
  if (plan.files.length === 0) {
    throw new LabError(
      "failed",
      `LAB_NODE_IMAGE names ${plan.tag}, which the engine doesn't have`,
      "load or pull it, or unset the variable",
    );
  }
  await ensureBase(docker, plan.base, progress, signal);
  const tools = (await findAnyImage(docker)) === null ? "about a minute, most of it for the packages" : "a few seconds";
  progress({
    step: "image",
    state: "start",
    detail: `build ${plan.tag}, once for each version of a node: usually ${tools}`,
  });
  const output: string[] = [];
  try {
    const failure = await runBuild(docker, plan, "1", output, progress, signal);
    const onlyBuildKit = failure !== null && /legacy builder|classic builder|buildkit (is )?required/i.test(failure);
    const second = onlyBuildKit ? await runBuild(docker, plan, "2", output, progress, signal) : failure;
    if (second !== null) throw buildFailed(second, output);
  } catch (error) {
    progress({ step: "image", state: "failed" });
    if (signal.aborted)
      throw new LabError("interrupted", "the build of the node image was interrupted", "run it again");
    throw error;
  }
  progress({ step: "image", state: "done", detail: plan.tag });
  return true;
}

export interface Build extends Pick<ImagePlan, "tag" | "files" | "proxies"> {
  /** Value of the build argument BASE; null: the Dockerfile's own. */
  readonly base: string | null;
  readonly labels?: Readonly<Record<string, string>>;
}

/** The builder's complaint, or null when the image is there. */
export async function runBuild(
  docker: Docker,
  plan: Build,
  version: "1" | "2",
  output: string[],
  progress: Progress,
  signal: AbortSignal,
): Promise<string | null> {
  const options = {
    t: plan.tag,
    buildargs: { ...plan.proxies, ...(plan.base !== null && { BASE: plan.base }) },
    ...(plan.labels !== undefined && { labels: { ...plan.labels } }),
    rm: true,
    forcerm: true,
    version,
    abortSignal: signal,
  };
  let stream: NodeJS.ReadableStream;
  try {
    // dockerode accepts a packed context as a buffer; its types don't say so.
    stream = await docker.buildImage((await packTar(plan.files)) as unknown as NodeJS.ReadableStream, options);
  } catch (error) {
    return sentenceOf(error);
  }
  let failure: string | null = null;
  for await (const item of readJsonLines(stream as AsyncIterable<Buffer>)) {
    // A failed build ends its stream like a good one; only this field tells.
    if (typeof item.error === "string") failure = item.error.trim();
    const text = typeof item.stream === "string" ? item.stream.trimEnd() : "";
    if (text === "") continue;
    output.push(text);
    if (/^Step \d+\/\d+/.test(text)) progress({ step: "image", state: "info", detail: text });
  }
  return failure;
}

function buildFailed(failure: string, output: readonly string[]): LabError {
  const tail = output.join("\n").split("\n").slice(-25).join("\n  ");
  return new LabError(
    "failed",
    `the node image can't be built: ${failure}\n  ${tail}`,
    ["is the package mirror reachable from `docker build`?", NEXT.runDoctor(), LOCAL_INSTEAD],
    { details: { output: output.join("\n") } },
  );
}

/** The builder would pull it too, but what goes wrong then can't be told from a broken Dockerfile. */
async function ensureBase(docker: Docker, base: string, progress: Progress, signal: AbortSignal): Promise<void> {
  if (await hasImage(docker, base)) return;
  progress({ step: "base image", state: "start", detail: `pull ${base}, once: about 80 MB` });
  const failure = await pull(docker, base, signal);
  if (signal.aborted) throw new LabError("interrupted", `the pull of ${base} was interrupted`, "run it again");
  if (failure === null) {
    progress({ step: "base image", state: "done", detail: base });
    return;
  }
  progress({ step: "base image", state: "failed", detail: failure });
  throw new LabError(
    "engineUnreachable",
    `Docker has no base image ${base} and can't pull it: ${firstLine(failure)}`,
    [
      `pull it once the registry can be reached: docker pull ${base}`,
      "or name another one in LAB_BASE_IMAGE",
      LOCAL_INSTEAD,
    ],
    { details: { reason: "noBaseImage", base } },
  );
}

/** Why it can't be pulled; null when it is here now. */
export async function pull(docker: Docker, base: string, signal: AbortSignal): Promise<string | null> {
  try {
    const stream: NodeJS.ReadableStream = await docker.pull(base, { abortSignal: signal });
    for await (const item of readJsonLines(stream as AsyncIterable<Buffer>)) {
      if (typeof item.error === "string") return item.error;
    }
    return (await hasImage(docker, base)) ? null : "the engine says that it pulled it, but it isn't there";
  } catch (error) {
    return sentenceOf(error);
  }
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? text;
}
