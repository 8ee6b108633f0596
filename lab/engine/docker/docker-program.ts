/**
 * Nodes that run a program which isn't ours: its image, its containers, commands in them.
 *
 * The container's first process waits at a gate, a file at its root, and becomes the program when that doesn't say `hold`. So a node
 * that comes back finds its faults in force before the program speaks. An image without `sh` has no gate.
 */
import type Docker from "dockerode";
import type { NodeId } from "../../../node/wire/ids.ts";
import { LabError } from "../../base/lab-error.ts";
import { fillIn, fillWords, type Place, type Program, parseProgramMemory } from "../../kind/program-spec.ts";
import { readFolder } from "../../kind/read-program.ts";
import type { LabSpec, NodeSpec, Progress } from "../engine.ts";
import { packTar } from "../tar.ts";
import { allow, sentenceOf } from "./docker-errors.ts";
import { hasImage, pull, runBuild } from "./docker-image.ts";
import { containerName, DOCKER_LABELS, nodeLabels } from "./docker-labels.ts";
import { addressOf } from "./docker-subnet.ts";

const GATE = "/.lab-gate";
/** A command that died in between must not hold a node for ever. */
const HELD_MS_MAX = 30_000;
const GATE_SCRIPT = `n=0; while read -r s <${GATE} && [ "$s" = hold ] && [ $n -lt ${HELD_MS_MAX / 50} ]; do n=$((n+1)); sleep 0.05; done 2>/dev/null; exec "$@"`;
const MEMORY = "1GB";
const PROCESSES = 1024;

/** @throws LabError("failed") when the image can't be pulled or built, with the builder's own words */
export async function prepareProgram(
  docker: Docker,
  program: Program,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  const tag = program.image;
  if (tag === undefined) {
    const message = "node: names no image, and a lab in Docker runs images";
    throw new LabError("usage", message, "add `image:` or `build:`, or use --runtime local");
  }
  if (await hasImage(docker, tag)) return;
  progress({
    step: "image",
    state: "start",
    detail: program.build === null ? `pull ${tag}` : `build ${program.build}`,
  });
  const output: string[] = [];
  const failure =
    program.build === null
      ? await pull(docker, tag, signal)
      : await runBuild(
          docker,
          { tag, base: null, files: await readFolder(program.build), labels: { [DOCKER_LABELS.image]: "program" } },
          "1",
          output,
          progress,
          signal,
        );
  if (failure === null) {
    progress({ step: "image", state: "done", detail: tag });
    return;
  }
  progress({ step: "image", state: "failed" });
  if (signal.aborted) throw new LabError("interrupted", "interrupted", "run it again");
  if (program.build === null) {
    const hints = [
      "correct `image:`, or build it here: `build: ./folder`",
      `can it be had by hand? docker pull ${tag}`,
    ];
    throw new LabError(
      "failed",
      `there is no image ${tag} here, and it can't be pulled: ${failure.split("\n", 1)[0]}`,
      hints,
    );
  }
  const tail = output.join("\n").split("\n").slice(-15).join("\n  ");
  throw new LabError(
    "failed",
    `${program.build} can't be built: ${failure}\n  ${tail}`,
    "correct its Dockerfile, and repeat the command",
    {
      details: { output: output.join("\n") },
    },
  );
}

/** Addresses of a lab's nodes, by number. */
export function placeOf(id: NodeId, ids: readonly NodeId[], subnet: string): Place {
  const all = [...new Set([...ids, id])].sort((a, b) => a - b);
  return { id, addresses: new Map(all.map((other) => [other, addressOf(subnet, other)])) };
}

export interface ProgramContainer {
  readonly spec: LabSpec;
  readonly node: NodeSpec;
  readonly program: Program;
  readonly network: { readonly name: string; readonly subnet: string };
  readonly endpoint: Docker.EndpointSettings;
}

/** What the engine is asked to create. */
export async function planProgram(
  docker: Docker,
  { spec, node, program, network, endpoint }: ProgramContainer,
): Promise<Docker.ContainerCreateOptions> {
  const place = placeOf(node.id, spec.nodes, network.subnet);
  const ip = addressOf(network.subnet, node.id);
  const { Config: config } = await docker.getImage(program.image ?? "").inspect();
  const entrypoint = typeof config.Entrypoint === "string" ? [config.Entrypoint] : (config.Entrypoint ?? []);
  const command = program.command === undefined ? (config.Cmd ?? []) : fillWords(program.command, place);
  const hasGate = await hasShell(docker, program.image ?? "");
  const env = {
    LAB_NODE_ID: String(node.id),
    LAB_NODE_IP: ip,
    ...mapValues(program.env ?? {}, (text) => fillIn(text, place)),
    ...node.env,
  };
  const memoryBytes = parseProgramMemory(program.memory ?? MEMORY);
  return {
    name: containerName(spec.name, node.id),
    Hostname: `node-${node.id}`,
    Image: program.image ?? "",
    Labels: nodeLabels(spec, node, ip),
    Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    Entrypoint: hasGate ? ["/bin/sh", "-c", GATE_SCRIPT, "gate"] : [],
    Cmd: [...entrypoint, ...command],
    ...(program.ready !== "health" && { Healthcheck: { Test: ["NONE"] } }),
    StopTimeout: 5,
    HostConfig: {
      NetworkMode: network.name,
      PidsLimit: program.processes ?? PROCESSES,
      Memory: memoryBytes,
      MemorySwap: memoryBytes,
      LogConfig: { Type: "json-file", Config: { "max-size": "10m", "max-file": "3" } },
      // The engine's own name server asks the host's.
      ...(program.network?.outside === false && { Dns: ["127.0.0.1"] }),
    },
    NetworkingConfig: { EndpointsConfig: { [network.name]: endpoint } },
  };
}

const shells = new Map<string, Promise<boolean>>();

/** Found by looking into a container that never runs. */
function hasShell(docker: Docker, image: string): Promise<boolean> {
  const known = shells.get(image) ?? lookForShell(docker, image);
  shells.set(image, known);
  return known;
}

async function lookForShell(docker: Docker, image: string): Promise<boolean> {
  const labels = { [DOCKER_LABELS.probe]: "shell" };
  const container = await docker.createContainer({
    Image: image,
    Cmd: ["/bin/sh"],
    Labels: labels,
    HostConfig: { NetworkMode: "none" },
  });
  try {
    return (await allow([404], container.infoArchive({ path: "/bin/sh" }))) !== undefined;
  } finally {
    await container.remove({ force: true });
  }
}

/** Puts the program's files there, and its gate, before the container starts. */
export async function fillContainer(docker: Docker, id: string, program: Program): Promise<void> {
  const files = Object.entries(program.files).map(([path, content]) => ({
    path: path.slice(1),
    content: Buffer.from(content, "base64"),
    mode: 0o644,
  }));
  await docker.getContainer(id).putArchive(await packTar([gateFile("go"), ...files]), { path: "/" });
}

/** @param word `hold`: the node's next process waits; `go`: it goes on */
export async function setGate(docker: Docker, container: string, word: "hold" | "go"): Promise<void> {
  await allow([404, 409], docker.getContainer(container).putArchive(await packTar([gateFile(word)]), { path: "/" }));
}

function gateFile(word: string): { path: string; content: Buffer; mode: number } {
  return { path: GATE.slice(1), content: Buffer.from(`${word}\n`), mode: 0o644 };
}

/** Why a container can't be started, in the program's terms; null: for another reason. */
export function explainStart(error: unknown, id: NodeId, program: Program): LabError | null {
  const sentence = sentenceOf(error);
  if (!/executable file not found|no such file or directory|permission denied|exec format error/i.test(sentence))
    return null;
  const command = program.command?.join(" ") ?? "the image's own command";
  return new LabError(
    "failed",
    `node ${id} can't run "${command}": ${sentence.split("\n", 1)[0]}`,
    "correct `command:`, or the image",
  );
}

function mapValues<A, B>(record: Readonly<Record<string, A>>, change: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}
