// Finding the engine, the message when there is none, and the findings of `doctor` on one that works.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DockerEngine } from "../../lab/engine/docker/docker-engine.ts";
import { explain } from "../../lab/engine/docker/docker-errors.ts";
import { DOCKER_LABELS, labelled } from "../../lab/engine/docker/docker-labels.ts";
import { timeFactor } from "../support/eventually.ts";
import { openRaw, openStandInEngine, quiet, standInImage } from "./engine-fixture.ts";

const SOCKET = "/var/run/docker.sock";
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "t-eng-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function checkWith(environment: Record<string, string>) {
  await using engine = await DockerEngine.open({ DOCKER_CONFIG: folder, ...environment });
  return await engine.check();
}

async function writeContext(name: string, host: string): Promise<void> {
  const meta = join(folder, "contexts/meta", createHash("sha256").update(name).digest("hex"));
  await mkdir(meta, { recursive: true });
  await writeFile(join(meta, "meta.json"), JSON.stringify({ Name: name, Endpoints: { docker: { Host: host } } }));
}

describe("check", () => {
  it("must find the engine through DOCKER_HOST, DOCKER_CONTEXT, the current context and the usual socket", async () => {
    expect((await checkWith({ DOCKER_HOST: `unix://${SOCKET}` })).facts).toMatchObject({
      endpoint: SOCKET,
      context: null,
    });
    expect((await checkWith({})).facts).toMatchObject({ endpoint: SOCKET, context: null });
    await writeContext("here", `unix://${SOCKET}`);
    await writeContext("nowhere", "unix:///nowhere.sock");
    expect((await checkWith({ DOCKER_CONTEXT: "here" })).facts).toMatchObject({ endpoint: SOCKET, context: "here" });
    await writeFile(join(folder, "config.json"), JSON.stringify({ currentContext: "nowhere" }));
    await expect(checkWith({})).rejects.toMatchObject({
      exit: "engineUnreachable",
      message: expect.stringContaining("/nowhere.sock"),
    });
    expect((await checkWith({ DOCKER_HOST: `unix://${SOCKET}` })).facts).toMatchObject({ context: null });
    await expect(checkWith({ DOCKER_CONTEXT: "absent" })).rejects.toMatchObject({ exit: "engineUnreachable" });
  });

  it("must not let the client's own reading of DOCKER_HOST win over the context", async () => {
    const before = process.env.DOCKER_HOST;
    process.env.DOCKER_HOST = "tcp://127.0.0.1:1";
    try {
      expect((await checkWith({})).facts).toMatchObject({ endpoint: SOCKET });
    } finally {
      if (before === undefined) delete process.env.DOCKER_HOST;
      else process.env.DOCKER_HOST = before;
    }
  });

  it("must reach an engine over TCP and through ssh as well", async () => {
    const proxy = createServer((client) => {
      const child = spawn("docker", ["-H", `unix://${SOCKET}`, "system", "dial-stdio"], {
        stdio: ["pipe", "pipe", "ignore"],
      });
      client.pipe(child.stdin);
      child.stdout.pipe(client);
      client.on("error", () => child.kill());
      client.on("close", () => child.kill());
    });
    proxy.listen(0, "127.0.0.1");
    await once(proxy, "listening");
    const { port } = proxy.address() as { port: number };
    try {
      expect((await checkWith({ DOCKER_HOST: `tcp://127.0.0.1:${port}` })).facts).toMatchObject({ os: "linux" });
    } finally {
      proxy.close();
    }
    // A stand-in for ssh that runs the remote command here.
    const ssh = join(folder, "ssh");
    await writeFile(ssh, '#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\nshift 2\nexec "$@"\n');
    await chmod(ssh, 0o755);
    const path = process.env.PATH;
    process.env.PATH = `${folder}:${path}`;
    try {
      expect((await checkWith({ DOCKER_HOST: "ssh://somebody@somewhere" })).facts).toMatchObject({ os: "linux" });
    } finally {
      process.env.PATH = path;
    }
  });

  it("must say at once what is wrong when nothing answers", async () => {
    const begunAtMs = performance.now();
    const cases: [string, RegExp][] = [
      [`unix://${folder}/absent.sock`, /no Docker engine answers/],
      ["tcp://127.0.0.1:1", /no Docker engine answers at tcp:\/\/127\.0\.0\.1:1/],
      ["carrier-pigeon://", /which is no engine's address/],
    ];
    for (const [host, message] of cases) {
      await expect(checkWith({ DOCKER_HOST: host })).rejects.toMatchObject({
        exit: "engineUnreachable",
        message: expect.stringMatching(message),
        hint: expect.stringContaining("--runtime local"),
      });
    }
    expect(performance.now() - begunAtMs).toBeLessThan(1_000 * timeFactor);
  });

  it("must give up on an engine that accepts and says nothing, after 3 s", async () => {
    const mute = createServer(() => {});
    const path = join(folder, "mute.sock");
    mute.listen(path);
    await once(mute, "listening");
    try {
      await expect(checkWith({ DOCKER_HOST: `unix://${path}` })).rejects.toMatchObject({
        exit: "engineUnreachable",
        message: expect.stringContaining("doesn't answer within 3 s"),
      });
      const abort = new AbortController();
      await using engine = await DockerEngine.open({ DOCKER_HOST: `unix://${path}` });
      const work = engine.check(abort.signal);
      abort.abort();
      await expect(work).rejects.toMatchObject({ exit: "interrupted" });
    } finally {
      mute.close();
    }
  });

  it("must not blame the engine for a file of ours that is missing", () => {
    const missing = Object.assign(new Error("ENOENT: no such file"), { code: "ENOENT", syscall: "open", path: "/x" });
    expect(explain(missing, { host: SOCKET }, "build the node image")).toMatchObject({ exit: "failed" });
  });

  it("must say in one line when the base image can't be had", async () => {
    await using engine = await DockerEngine.open({ ...process.env, LAB_BASE_IMAGE: "127.0.0.1:1/no/such:image" });
    await expect(engine.prepare(quiet, new AbortController().signal)).rejects.toMatchObject({
      exit: "engineUnreachable",
      message: expect.stringMatching(/^Docker has no base image 127\.0\.0\.1:1\/no\/such:image and can't pull it: .+$/),
      details: { reason: "noBaseImage" },
    });
  });
});

describe("doctor", () => {
  it("must report every check, with consequence and cure for what isn't well, and leave nothing behind", async () => {
    await using engine = await openStandInEngine();
    const findings = await engine.doctor();
    const names = findings.map((finding) => finding.check);
    for (const name of [
      "engine",
      "cgroup",
      "storage",
      "disk",
      "multicast",
      "nftables",
      "netem",
      "htb",
      "ifb",
      "subnets",
    ]) {
      expect(names).toContain(name);
    }
    expect(findings.find((finding) => finding.check === "multicast")).toMatchObject({ level: "ok" });
    for (const finding of findings.filter((other) => other.level === "warn" || other.level === "fail")) {
      expect([finding.consequence, finding.cure]).not.toContain("");
    }
    using raw = await openRaw();
    const filters = labelled(
      [DOCKER_LABELS.maker, `${(await import("node:os")).hostname()}:${process.pid}`],
      DOCKER_LABELS.probe,
    );
    expect(await raw.docker.listContainers({ all: true, filters })).toEqual([]);
    expect(await raw.docker.listNetworks({ filters })).toEqual([]);
  });

  it("must find out what the kernel can do once, and know it from disk afterwards", async () => {
    const before = process.env.XDG_STATE_HOME;
    process.env.XDG_STATE_HOME = folder;
    try {
      await using engine = await openStandInEngine();
      const first = await engine.kernelFaults(quiet);
      await using other = await DockerEngine.open({ ...process.env, LAB_NODE_IMAGE: `${standInImage()}-absent` });
      expect(await other.kernelFaults(quiet)).toEqual(first);
      expect(first.nft).toBe(true);
    } finally {
      if (before === undefined) delete process.env.XDG_STATE_HOME;
      else process.env.XDG_STATE_HOME = before;
    }
  });
});
