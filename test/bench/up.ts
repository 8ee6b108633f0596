/**
 * `lab up` to agreement, beside the raw Engine API's time to create and start the same containers, and beside docker compose.
 *
 * The three take turns in one run, so a machine whose speed drifts treats them alike; the ratio is taken round by round.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type Docker from "dockerode";
import { connectDocker } from "../../lab/engine/docker/docker-connect.ts";
import { lab, run } from "./command.ts";
import type { Report } from "./report.ts";

const NAME = "bench-up";

export async function benchUp(report: Report, options: { sizes: readonly number[]; rounds: number }): Promise<void> {
  report.heading("lab up --profile fast, from a built image to all agreeing on one coordinator (Docker)");
  using connection = await connectDocker();
  const compose = await findCompose();
  if (compose === null) report.note("docker compose isn't installed here: its rows are left out");
  for (const size of options.sizes) {
    const raw: number[] = [];
    const ours: number[] = [];
    const theirs: number[] = [];
    // The first round warms caches up and isn't counted.
    for (let round = 0; round <= options.rounds; round++) {
      const labMs = await timeLab(size);
      const image = await imageOfLab(connection.docker);
      await lab("down", "--name", NAME);
      const rawMs = await timeRaw(connection.docker, image, size);
      const composeMs = compose === null ? null : await timeCompose(compose, image, size);
      if (round === 0) continue;
      ours.push(labMs);
      raw.push(rawMs);
      if (composeMs !== null) theirs.push(composeMs);
    }
    report.row({ what: `${size} nodes: lab up, whole command`, unit: "ms", samples: ours, goal: null });
    report.row({ what: `${size} nodes: floor, raw Engine API create + start`, unit: "ms", samples: raw, goal: null });
    const ratios = ours.map((ms, i) => ms / (raw[i] as number));
    report.row({
      what: `${size} nodes: lab up / floor`,
      unit: "ratio",
      samples: ratios,
      goal: { of: "median", atMost: size <= 5 ? 1.4 : 1.15 },
    });
    if (theirs.length === 0) continue;
    report.row({
      what: `${size} nodes: docker compose up -d (starts, waits for nothing)`,
      unit: "ms",
      samples: theirs,
      goal: null,
    });
    const against = ours.map((ms, i) => ms / (theirs[i] as number));
    report.row({
      what: `${size} nodes: lab up / docker compose up -d`,
      unit: "ratio",
      samples: against,
      goal: { of: "median", atMost: 1 },
    });
  }
}

async function timeLab(size: number): Promise<number> {
  const { ms } = await lab("up", "--name", NAME, "--nodes", String(size), "--profile", "fast", "--runtime", "docker");
  return ms;
}

async function imageOfLab(docker: Docker): Promise<string> {
  const [first] = await docker.listContainers({ filters: { label: [`energy-lab.lab=${NAME}`] } });
  if (first === undefined) throw new Error("the lab has no containers");
  return first.Image;
}

/** The same containers as a lab's, as few calls as the engine allows, all at once; nobody waits for what runs inside. */
async function timeRaw(docker: Docker, image: string, size: number): Promise<number> {
  const network = await docker.createNetwork({
    Name: "bench-raw",
    Driver: "bridge",
    IPAM: { Config: [{ Subnet: "10.214.99.0/24" }] },
  });
  const containers: Docker.Container[] = [];
  try {
    const startMs = performance.now();
    await Promise.all(
      Array.from({ length: size }, async (_, index) => {
        const id = index + 1;
        const container = await docker.createContainer({
          name: `bench-raw-${id}`,
          Image: image,
          Env: [`DS_NODE_ID=${id}`, "DS_PROFILE=fast", `DS_HOST=10.214.99.${id + 1}`],
          Healthcheck: { Test: ["NONE"] },
          HostConfig: { NetworkMode: "bench-raw", CapAdd: ["NET_ADMIN"] },
          NetworkingConfig: {
            EndpointsConfig: { "bench-raw": { IPAMConfig: { IPv4Address: `10.214.99.${id + 1}` } } },
          },
        });
        containers.push(container);
        await container.start();
      }),
    );
    return performance.now() - startMs;
  } finally {
    await Promise.all(containers.map((container) => container.remove({ force: true, v: true })));
    await network.remove();
  }
}

async function timeCompose(compose: readonly string[], image: string, size: number): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), "bench-compose-"));
  const file = join(directory, "docker-compose.yml");
  // DS_NODE_ID must differ in a real cluster; for starting containers any id does, and `scale` needs one service.
  await writeFile(
    file,
    `name: bench-compose\nservices:\n  node:\n    image: ${image}\n    environment: { DS_NODE_ID: "1", DS_PROFILE: fast }\n    cap_add: [NET_ADMIN]\n    healthcheck: { disable: true }\n`,
  );
  const [command, ...prefix] = compose as [string, ...string[]];
  try {
    const { ms } = await run(command, [...prefix, "-f", file, "up", "-d", "--scale", `node=${size}`]);
    return ms;
  } finally {
    await run(command, [...prefix, "-f", file, "down", "-v", "-t", "0"]);
    await rm(directory, { recursive: true });
  }
}

async function findCompose(): Promise<readonly string[] | null> {
  for (const candidate of [["docker", "compose"], ["docker-compose"]]) {
    const [command, ...prefix] = candidate as [string, ...string[]];
    const found = await run(command, [...prefix, "version"]).catch(() => null);
    if (found !== null) return candidate;
  }
  return null;
}
