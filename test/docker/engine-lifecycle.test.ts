// The engine calls behind `up`, `ps`, `kill`, `pause`, `unplug` and `down`, against a real engine.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LabError } from "../../lab/base/lab-error.ts";
import type { DockerEngine } from "../../lab/engine/docker/docker-engine.ts";
import { LABELS } from "../../lab/engine/engine.ts";
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

async function refusal(work: Promise<unknown>): Promise<LabError> {
  const error = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(LabError);
  return error as LabError;
}

describe("a lab on Docker", () => {
  it("must be found again with everything that it was made with", async () => {
    const limits = { memoryBytes: 256 * 1024 ** 2, pids: 100 };
    const env = { DS_LOG_LEVEL: "INFO", DS_INITIAL_CREDITS: "7" };
    await using lab = await TestLab.up(engine, [1, 2, 3], { env, limits });
    await engine.addNodes(lab.spec, [{ id: 7, env: { DS_INITIAL_CREDITS: "9" } }], quiet, never);
    // Its own number of credits hides the lab's from a look into this one alone.
    await engine.remove(lab.spec.name, 1);
    await engine.addNodes(lab.spec, [{ id: 1, env: { DS_INITIAL_CREDITS: "8" } }], quiet, never);
    await using stranger = await openStandInEngine();
    const info = await stranger.lab(lab.spec.name);
    expect(info).toMatchObject({
      runtime: "docker",
      token: lab.spec.token,
      voters: [1, 2, 3],
      profile: "fast",
      run: lab.spec.run,
    });
    expect(info?.env).toEqual(env);
    expect(info?.nodes.map((node) => [node.id, node.status, node.unplugged])).toEqual([
      [1, "running", false],
      [2, "running", false],
      [3, "running", false],
      [7, "running", false],
    ]);
    expect(await stranger.readSpec(lab.spec.name)).toEqual(lab.spec);
    expect((await stranger.labs()).map((other) => other.name)).toContain(lab.spec.name);
  });

  it("must give node N the address N+1 of a /24 of its own, and say where this host reaches it", async () => {
    await using lab = new TestLab(engine);
    await engine.createLab(lab.spec, quiet, never);
    const [made] = await engine.addNodes(lab.spec, nodeSpecs(250), quiet, never);
    const info = await engine.lab(lab.spec.name);
    const prefix = info?.network?.replace(/\.0\/24$/, "");
    expect(made).toMatchObject({ ip: `${prefix}.251`, control: `${prefix}.251:6250`, status: "running" });
    expect(info?.nodes[0]).toMatchObject({ ip: made?.ip, control: made?.control, handle: made?.handle });
    const error = await refusal(engine.addNodes(lab.spec, nodeSpecs(254), quiet, never));
    expect([error.exit, error.message]).toEqual(["usage", expect.stringContaining("1 to 250")]);
  });

  it("must keep address, name and ledger through a kill, and report the exit code meanwhile", async () => {
    await using lab = await TestLab.up(engine, [2]);
    const before = await lab.node(2);
    await eventually(async () => (await engine.rootExec(lab.spec.name, 2, "cat /data/starts")).stdout === "x");
    await engine.kill(lab.spec.name, 2, "KILL");
    expect(await lab.node(2)).toMatchObject({ status: "exited", exitCode: 137, ip: before.ip });
    expect((await refusal(engine.kill(lab.spec.name, 2, "KILL"))).hint).toContain("lab start 2");
    await engine.start(lab.spec.name, 2);
    await engine.start(lab.spec.name, 2);
    expect(await lab.node(2)).toMatchObject({ status: "running", ip: before.ip, control: before.control });
    await eventually(async () => (await engine.rootExec(lab.spec.name, 2, "cat /data/starts")).stdout === "xx");
    const inside = await engine.rootExec(lab.spec.name, 2, "hostname; ip -4 -o addr show dev eth0");
    expect(inside.stdout).toMatch(new RegExp(`^node-2\n.*${before.ip}/24`));
  });

  it("must end a node with SIGTERM when it is stopped, paused or not", async () => {
    await using lab = await TestLab.up(engine, [1, 2]);
    await eventually(async () => (await engine.rootExec(lab.spec.name, 2, "test -f /run/lab/ready")).exitCode === 0);
    await engine.pause(lab.spec.name, 2);
    await engine.pause(lab.spec.name, 2);
    expect((await lab.node(2)).status).toBe("paused");
    expect((await refusal(engine.start(lab.spec.name, 2))).hint).toContain("lab resume 2");
    await engine.stop(lab.spec.name, 2, 5_000);
    await engine.stop(lab.spec.name, 2, 5_000);
    expect(await lab.node(2)).toMatchObject({ status: "exited", exitCode: 0 });
    expect((await refusal(engine.pause(lab.spec.name, 2))).message).toContain("isn't running");
    await engine.resume(lab.spec.name, 1);
    expect((await lab.node(1)).status).toBe("running");
  });

  it("must kill a paused node too", async () => {
    await using lab = await TestLab.up(engine, [1]);
    await engine.pause(lab.spec.name, 1);
    await engine.kill(lab.spec.name, 1, "SIGKILL");
    expect((await lab.node(1)).status).toBe("exited");
  });

  it("must take the interface away when unplugged and give the same address back", async () => {
    await using lab = await TestLab.up(engine, [1, 2]);
    const before = await lab.node(1);
    await engine.unplug(lab.spec.name, 1);
    await engine.unplug(lab.spec.name, 1);
    expect(await lab.node(1)).toMatchObject({ unplugged: true, control: null, status: "running", ip: before.ip });
    expect((await engine.rootExec(lab.spec.name, 1, "ip -4 -o addr")).stdout).not.toContain(before.ip);
    await engine.kill(lab.spec.name, 1, "KILL");
    await engine.start(lab.spec.name, 1);
    expect(await lab.node(1)).toMatchObject({ unplugged: true, status: "running" });
    await engine.plug(lab.spec.name, 1);
    await engine.plug(lab.spec.name, 1);
    expect(await lab.node(1)).toEqual(before);
    expect((await engine.rootExec(lab.spec.name, 1, "ip -4 -o addr")).stdout).toContain(`${before.ip}/24`);
  });

  it("must forget a removed node and let its number be used again", async () => {
    await using lab = await TestLab.up(engine, [1, 2]);
    await engine.remove(lab.spec.name, 2);
    expect((await engine.lab(lab.spec.name))?.nodes.map((node) => node.id)).toEqual([1]);
    const error = await refusal(engine.start(lab.spec.name, 2));
    expect([error.exit, error.message]).toEqual(["notFound", expect.stringContaining("it has 1")]);
    await engine.addNodes(lab.spec, nodeSpecs(2), quiet, never);
    expect((await engine.rootExec(lab.spec.name, 2, "cat /data/starts || true")).stdout).not.toContain("xx");
  });

  it("must refuse a second lab of the same name and a node that exists, and change nothing", async () => {
    await using lab = await TestLab.up(engine, [1]);
    const before = await engine.lab(lab.spec.name);
    expect((await refusal(engine.createLab(lab.spec, quiet, never))).exit).toBe("usage");
    expect((await refusal(engine.addNodes(lab.spec, nodeSpecs(1), quiet, never))).message).toContain("exists already");
    expect(await engine.lab(lab.spec.name)).toEqual(before);
  });

  it("must tell a lab that isn't there from a node that isn't there", async () => {
    const { name } = labSpec();
    expect(await engine.lab(name)).toBeNull();
    expect(await engine.readSpec(name)).toBeNull();
    expect((await refusal(engine.kill(name, 1, "KILL"))).message).toContain("no lab named");
    expect(await engine.destroyLab(name, quiet)).toEqual([]);
  });

  it("must see nodes that Compose started, without a token", async () => {
    await using lab = new TestLab(engine);
    await engine.createLab(lab.spec, quiet, never);
    using raw = await openRaw();
    const container = await raw.docker.createContainer({
      Image: standInImage(),
      Labels: { [LABELS.lab]: lab.spec.name, [LABELS.node]: "3" },
      Env: ["DS_VOTERS=1,2,3"],
      HostConfig: { NetworkMode: `energy-lab-${lab.spec.name}` },
    });
    await container.start();
    const info = await engine.lab(lab.spec.name);
    expect(info).toMatchObject({
      token: null,
      nodes: [{ id: 3, status: "running", ip: expect.stringMatching(/^\d/) }],
    });
    expect(await engine.readSpec(lab.spec.name)).toBeNull();
  });
});
