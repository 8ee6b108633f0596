/**
 * Finds out what the engine's kernel can do to packets, by doing it: a throw-away container without a network tries each tool on its
 * own loopback. Module lists lie in both directions (built in, or there but not loadable from a container).
 *
 * A kernel doesn't change while it runs, so the answer is kept on disk under the engine's address and the kernel's version; a fault
 * costs no probe.
 */
import { createHash } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import type Docker from "dockerode";
import * as z from "zod";
import { LabError } from "../../base/lab-error.ts";
import { stateRoot } from "../../base/state-dir.ts";
import type { KernelFaults, Progress } from "../engine.ts";
import { endpointOf } from "./docker-attach.ts";
import type { Connection } from "./docker-connect.ts";
import { findAnyImage } from "./docker-image.ts";
import { DOCKER_LABELS, maker } from "./docker-labels.ts";
import { removeContainer } from "./docker-nodes.ts";
import { readFrames } from "./docker-stream.ts";

const Answer = z.object({ nft: z.boolean(), netem: z.boolean(), htb: z.boolean(), ifb: z.boolean() });

/** Each line does what a fault would do, and says so when it worked. `ifb` includes the redirect of what comes in. */
const SCRIPT = `
nft -f - <<'END' && echo nft
table inet energy_lab_probe {
  chain input { type filter hook input priority 0; ip saddr 192.0.2.1 numgen random mod 1000 < 10 drop; }
}
END
ip link set lo up
tc qdisc add dev lo root handle 1: htb default 1 && echo htb
tc qdisc del dev lo root
tc qdisc add dev lo root netem delay 1ms loss 1% && echo netem
ip link add probe0 type ifb && ip link set probe0 up && tc qdisc add dev lo handle ffff: ingress &&
  tc filter add dev lo parent ffff: protocol ip u32 match u32 0 0 action mirred egress redirect dev probe0 && echo ifb
exit 0
`;

/** @param connection its `endpoint.host` tells engines of one kernel apart: what is loadable differs between machines */
export async function kernelFaultsOf(
  { docker, endpoint }: Pick<Connection, "docker" | "endpoint">,
  progress: Progress,
): Promise<KernelFaults> {
  const file = await answerFile(docker, endpoint.host);
  const known = await readAnswer(file);
  if (known !== null) return known;
  const image = await findAnyImage(docker);
  if (image === null) {
    throw new LabError(
      "failed",
      "the kernel's fault tools can't be tried: the node image isn't built",
      "start a lab: that builds it",
    );
  }
  progress({ step: "kernel", state: "start", detail: "which fault tools work" });
  const { output } = await runProbe(docker, {
    image,
    probe: "kernel",
    command: ["sh", "-c", SCRIPT],
    network: "none",
  });
  const worked = output.split("\n");
  const answer = {
    nft: worked.includes("nft"),
    netem: worked.includes("netem"),
    htb: worked.includes("htb"),
    ifb: worked.includes("ifb"),
  };
  await keepAnswer(file, answer);
  progress({ step: "kernel", state: "done", detail: worked.filter((tool) => tool in answer).join(", ") || "none" });
  return answer;
}

/**
 * Runs a throw-away container to its end and removes it. Resolves to its output (stdout and stderr together).
 * @param options.command runs instead of the image's entry point, as root with NET_ADMIN
 */
export async function runProbe(
  docker: Docker,
  options: {
    image: string;
    probe: string;
    command: readonly string[];
    network: string;
    /** On that network; absent: any. */
    address?: string;
    timeoutMs?: number;
  },
): Promise<{ exitCode: number; output: string }> {
  const container = await docker.createContainer({
    Image: options.image,
    Labels: { [DOCKER_LABELS.probe]: options.probe, [DOCKER_LABELS.maker]: maker() },
    Entrypoint: [...options.command.slice(0, 1)],
    Cmd: [...options.command.slice(1)],
    User: "0",
    Healthcheck: { Test: ["NONE"] },
    HostConfig: {
      NetworkMode: options.network,
      CapAdd: ["NET_ADMIN"],
      LogConfig: { Type: "json-file", Config: { "max-size": "1m" } },
    },
    ...(options.address !== undefined && {
      NetworkingConfig: { EndpointsConfig: { [options.network]: endpointOf(options.address) } },
    }),
  });
  try {
    await container.start();
    const signal = AbortSignal.timeout(options.timeoutMs ?? 20_000);
    const { StatusCode: exitCode } = await container.wait({ condition: "not-running", abortSignal: signal });
    const logs = await container.logs({ stdout: true, stderr: true, follow: true });
    const parts: Buffer[] = [];
    for await (const frame of readFrames(logs as AsyncIterable<Buffer>)) parts.push(frame.payload);
    return { exitCode, output: Buffer.concat(parts).toString() };
  } finally {
    await removeContainer(docker, container.id);
  }
}

/** Not by the engine's own id: that is in its long report about itself, for which it starts three programs (40 ms). */
async function answerFile(docker: Docker, host: string): Promise<string> {
  const { KernelVersion: kernel, Version: version } = await docker.version();
  const key = createHash("sha256").update(`${hostname()} ${host} ${version} ${kernel}`).digest("hex").slice(0, 16);
  return join(stateRoot(), `kernel-${key}.json`);
}

async function readAnswer(file: string): Promise<KernelFaults | null> {
  try {
    return Answer.parse(JSON.parse(await readFile(file, "utf8")));
  } catch {
    return null;
  }
}

/** A result that can't be kept is found again next time. */
async function keepAnswer(file: string, answer: KernelFaults): Promise<void> {
  const temporary = `${file}.${process.pid}.tmp`;
  await mkdir(stateRoot(), { recursive: true, mode: 0o700 })
    .then(() => writeFile(temporary, `${JSON.stringify(answer)}\n`, { mode: 0o600 }))
    .then(() => rename(temporary, file))
    .catch(() => {});
}
