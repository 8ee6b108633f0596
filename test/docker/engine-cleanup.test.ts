// Nothing may be left behind: not by `down`, not by an interrupted `up`, not by one that was killed.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DockerEngine } from "../../lab/engine/docker/docker-engine.ts";
import { DOCKER_LABELS } from "../../lab/engine/docker/docker-labels.ts";
import type { Leftover } from "../../lab/engine/engine.ts";
import { eventually } from "../support/eventually.ts";
import {
  labSpec,
  never,
  nodeSpecs,
  openRaw,
  openStandInEngine,
  quiet,
  standInImage,
  TestLab,
} from "./engine-fixture.ts";

let engine: DockerEngine;
beforeAll(async () => {
  engine = await openStandInEngine();
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

const FIVE = [1, 2, 3, 4, 5];

async function leftoversOf(lab: string): Promise<readonly Leftover[]> {
  return (await engine.leftovers()).filter((thing) => thing.lab === lab);
}

/** A CLI of its own that makes a lab and is killed when the first such step is done. */
async function upKilledAt(lab: TestLab, step: string): Promise<void> {
  const script = `
    import { DockerEngine } from ${JSON.stringify(import.meta.resolve("../../lab/engine/docker/docker-engine.ts"))};
    const spec = JSON.parse(process.env.SPEC);
    const engine = await DockerEngine.open();
    const die = (event) => event.step === "${step}" && event.state === "done" && process.kill(process.pid, "SIGKILL");
    await engine.createLab(spec, die, new AbortController().signal);
    await engine.addNodes(spec, spec.nodes.map((id) => ({ id, env: {} })), die, new AbortController().signal);
  `;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
    env: { ...process.env, SPEC: JSON.stringify(lab.spec), LAB_NODE_IMAGE: standInImage() },
    stdio: ["ignore", "ignore", "inherit"],
  });
  const [, signal] = await once(child, "exit");
  expect(signal).toBe("SIGKILL");
}

describe("down", () => {
  it("must remove running, paused, stopped, unplugged and never started nodes alike", async () => {
    await using lab = await TestLab.up(engine, FIVE);
    const { name } = lab.spec;
    await Promise.all([engine.pause(name, 1), engine.stop(name, 2, 0), engine.unplug(name, 3)]);
    using raw = await openRaw();
    const labels = { [DOCKER_LABELS.lab]: name, [DOCKER_LABELS.node]: "9" };
    await raw.docker.createContainer({ Image: standInImage(), Labels: labels });
    await raw.docker.createVolume({ Name: `${name}-volume`, Labels: { [DOCKER_LABELS.lab]: name } });
    const removed = await engine.destroyLab(name, quiet);
    expect(removed.map((thing) => thing.kind).toSorted()).toEqual([
      ...Array(6).fill("container"),
      "network",
      "volume",
      "volume",
    ]);
    expect(await engine.destroyLab(name, quiet)).toEqual([]);
  });

  it("must remove the network although a foreign container is attached to it, and leave that alone", async () => {
    await using lab = await TestLab.up(engine, [1]);
    using raw = await openRaw();
    const foreign = await raw.docker.createContainer({
      name: `${lab.spec.name}-foreign`,
      Image: standInImage(),
      Env: ["DS_NODE_ID=1"],
      HostConfig: { NetworkMode: `energy-lab-${lab.spec.name}` },
    });
    try {
      await foreign.start();
      await engine.destroyLab(lab.spec.name, quiet);
      expect(await lab.things()).toBe(0);
      expect((await foreign.inspect()).State.Running).toBe(true);
    } finally {
      await foreign.remove({ force: true });
    }
  });
});

describe("an interrupted up", () => {
  it("must leave no container of its own behind when it is aborted while the engine works", async () => {
    await using lab = new TestLab(engine, labSpec({ nodes: FIVE }));
    await engine.createLab(lab.spec, quiet, never);
    const abort = new AbortController();
    let started = 0;
    const work = engine.addNodes(
      lab.spec,
      nodeSpecs(...FIVE),
      (event) => {
        if (event.state === "done" && ++started === 1) abort.abort();
      },
      abort.signal,
    );
    await expect(work).rejects.toMatchObject({ exit: "interrupted" });
    expect((await engine.lab(lab.spec.name))?.nodes).toEqual([]);
  });

  it("must leave no network behind when it is aborted meanwhile", async () => {
    await using lab = new TestLab(engine);
    const abort = new AbortController();
    const work = engine.createLab(lab.spec, () => abort.abort(), abort.signal);
    await expect(work).rejects.toMatchObject({ exit: "interrupted" });
    expect(await lab.things()).toBe(0);
  });

  it("must remove all of a failed call, and nothing of an earlier one", async () => {
    await using lab = await TestLab.up(engine, [1]);
    await expect(engine.addNodes(lab.spec, nodeSpecs(2, 1, 3), quiet, never)).rejects.toMatchObject({ exit: "failed" });
    expect((await engine.lab(lab.spec.name))?.nodes.map((node) => [node.id, node.status])).toEqual([[1, "running"]]);
  });

  it.each(["network", "start"])("must be removable by down after SIGKILL when the first %s is done", async (step) => {
    await using lab = new TestLab(engine, labSpec({ nodes: FIVE }));
    await upKilledAt(lab, step);
    expect(await engine.lab(lab.spec.name)).not.toBeNull();
    await engine.destroyLab(lab.spec.name, quiet);
    expect(await lab.things()).toBe(0);
  });

  it("must be seen by gc at once when nothing of the lab runs, and be removed by it", async () => {
    await using lab = new TestLab(engine);
    await upKilledAt(lab, "network");
    const found = await leftoversOf(lab.spec.name);
    expect(found).toMatchObject([{ kind: "network", why: "no node uses it" }]);
    await engine.collect(found);
    expect(await lab.things()).toBe(0);
  });

  it("must not look like a leftover while it is under way or done", async () => {
    await using lab = new TestLab(engine);
    await engine.createLab(lab.spec, quiet, never);
    expect(await leftoversOf(lab.spec.name)).toEqual([]);
    await engine.addNodes(lab.spec, nodeSpecs(1), quiet, never);
    expect(await leftoversOf(lab.spec.name)).toEqual([]);
  });
});

describe("two ups at the same moment", () => {
  it("must get different ranges under different names", async () => {
    const labs = Array.from({ length: 4 }, () => new TestLab(engine));
    try {
      await Promise.all(labs.map((lab) => engine.createLab(lab.spec, quiet, never)));
      const infos = await Promise.all(labs.map((lab) => engine.lab(lab.spec.name)));
      expect(new Set(infos.map((info) => info?.network)).size).toBe(4);
    } finally {
      for (const lab of labs) await lab[Symbol.asyncDispose]();
    }
  });

  it("must make one lab under one name", async () => {
    await using lab = new TestLab(engine);
    const results = await Promise.allSettled(Array.from({ length: 4 }, () => engine.createLab(lab.spec, quiet, never)));
    expect(results.filter((result) => result.status === "fulfilled")).toHaveLength(1);
    for (const result of results) {
      if (result.status === "rejected") expect(result.reason).toMatchObject({ exit: "usage" });
    }
    await eventually(async () => (await lab.things()) === 1);
  });
});
