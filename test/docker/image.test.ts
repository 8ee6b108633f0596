// The image without the lab: single nodes through testcontainers, on their own network.
import { GenericContainer, Network, type StartedNetwork, type StartedTestContainer, Wait } from "testcontainers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { docker } from "../support/cli-lab.ts";
import { probeDocker } from "../support/docker-available.ts";
import { eventually } from "../support/eventually.ts";

let image: string;
let network: StartedNetwork;
beforeAll(async () => {
  // `npm test` has built it already and says its name.
  const docker = process.env.LAB_TEST_IMAGE === undefined ? await probeDocker() : null;
  if (docker?.available === false) throw new Error(docker.reason);
  image = process.env.LAB_TEST_IMAGE ?? docker?.image ?? "";
  network = await new Network().start();
});
afterAll(async () => {
  await network?.stop();
});

function node(id: number, environment: Record<string, string> = {}): GenericContainer {
  return new GenericContainer(image)
    .withCommand([`${id}`])
    .withNetwork(network)
    .withEnvironment({ DS_PROFILE: "fast", ...environment })
    .withWaitStrategy(Wait.forLogMessage(/is READY/))
    .withStartupTimeout(60_000);
}

async function control(container: StartedTestContainer, ...words: string[]): Promise<string> {
  const { output, exitCode } = await container.exec(["node", "/app/node.js", "control", ...words]);
  if (exitCode !== 0) throw new Error(output);
  return output;
}

describe("one node from the image", () => {
  it("must become healthy, lead itself provisionally, and run without privileges", async () => {
    // The image's own check comes every 15 s: one test waits for it.
    const one = await node(1).withWaitStrategy(Wait.forHealthCheck()).start();
    try {
      const status = await control(one, "status");
      expect(status).toContain("Coordinator: Node 1");
      expect(status).toContain("100 credits");
      const { output } = await one.exec(["grep", "-E", "^(Uid|CapEff|CapBnd|NoNewPrivs)", "/proc/1/status"]);
      expect(output).toMatch(/Uid:\s+(?!0\s)\d+/);
      expect(output).toMatch(/CapEff:\s+0{16}/);
      expect(output).toMatch(/CapBnd:\s+0{16}/);
      expect(output).toMatch(/NoNewPrivs:\s+1/);
    } finally {
      await one.stop();
    }
  });

  it("must find its peers by multicast and say goodbye at docker stop", async () => {
    const one = await node(1, { DS_NODES: "1,2" })
      .withWaitStrategy(Wait.forLogMessage(/started|JOIN announced/))
      .start();
    const two = await node(2, { DS_NODES: "1,2" }).start();
    try {
      // Node 1 leads provisionally until the election that node 2 wins.
      await eventually(async () => expect(await control(one, "status")).toContain("Coordinator: Node 2"));
      expect(await control(one, "sell", "2", "30")).toContain("SELL 30 credits to Node 2 [100 -> 70]");
      await two.stop({ timeout: 10_000, remove: true });
      const nodes = await control(one, "nodes");
      expect(nodes).toMatch(/Node 2 \(left\)/);
    } finally {
      await one.stop();
    }
  });

  it("must refuse to run under a number that lives in another container, naming both addresses", async () => {
    // With `fast`, a newcomer waits so briefly that on a busy machine both may run: then the one that ran gives way.
    const patient = { DS_PROFILE: "default" };
    const first = await node(7, patient).start();
    try {
      const refusal = /Node 7 already runs at [\d.]+:6007; this process at [\d.]+:6007 ends/;
      const second = await node(7, patient).withWaitStrategy(Wait.forLogMessage(refusal)).start();
      await eventually(async () => {
        expect(await docker("inspect", "--format", "{{.State.ExitCode}}", second.getId())).toBe("1\n");
      });
      await second.stop();
      expect(await control(first, "status")).toContain("Node 7");
    } finally {
      await first.stop();
    }
  });
});
