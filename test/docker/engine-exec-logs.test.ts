// Input and output of a running node: control requests, root's scripts, logs, events.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DockerEngine } from "../../lab/engine/docker/docker-engine.ts";
import type { LogLine } from "../../lab/engine/engine.ts";
import { eventually, timeFactor } from "../support/eventually.ts";
import { never, nodeSpecs, openStandInEngine, quiet, TestLab } from "./engine-fixture.ts";

let engine: DockerEngine;
beforeAll(async () => {
  engine = await openStandInEngine();
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

async function readAll(lab: TestLab, ids: readonly number[], tail: number | null = null): Promise<LogLine[]> {
  const lines: LogLine[] = [];
  const options = { follow: false, tail, sinceMs: null, signal: never };
  for await (const line of engine.logs(lab.spec.name, ids, options)) lines.push(line);
  return lines;
}

async function isReady(lab: TestLab, id: number): Promise<boolean> {
  return (await engine.rootExec(lab.spec.name, id, "test -f /run/lab/ready")).exitCode === 0;
}

describe("a control request by exec", () => {
  it("must reach the node as an unprivileged user and bring its answer back", async () => {
    await using lab = await TestLab.up(engine, [1]);
    const answer = await engine.controlExec(lab.spec.name, 1, '{"op":"ping","request_id":"\'x"}', 5_000 * timeFactor);
    expect(JSON.parse(answer)).toEqual({ ok: true, data: { echo: { op: "ping", request_id: "'x" }, uid: 1000 } });
  });

  it("must work while the cable is pulled", async () => {
    await using lab = await TestLab.up(engine, [1]);
    await engine.unplug(lab.spec.name, 1);
    expect(await engine.controlExec(lab.spec.name, 1, "{}", 5_000 * timeFactor)).toContain('"ok":true');
  });

  it("must say which command comes first when the node is paused or stopped", async () => {
    await using lab = await TestLab.up(engine, [1]);
    await engine.pause(lab.spec.name, 1);
    await expect(engine.controlExec(lab.spec.name, 1, "{}", 5_000 * timeFactor)).rejects.toMatchObject({
      message: "node 1 is paused",
      hint: "resume: lab resume 1",
    });
    await engine.stop(lab.spec.name, 1, 0);
    await expect(engine.controlExec(lab.spec.name, 1, "{}", 5_000 * timeFactor)).rejects.toMatchObject({
      hint: "bring back: lab start 1",
    });
  });
});

describe("a script as root", () => {
  it("must get its input whole and give back output, errors and exit code", async () => {
    await using lab = await TestLab.up(engine, [1]);
    const stdin = `${"0123456789abcdef".repeat(20_000)}\n`;
    const result = await engine.rootExec(lab.spec.name, 1, "wc -c; id -u; echo bad >&2; exit 3", { stdin });
    expect(result).toEqual({ exitCode: 3, stdout: `${stdin.length}\n0\n`, stderr: "bad\n" });
    expect(await engine.rootExec(lab.spec.name, 1, "exit 4", { stdin })).toMatchObject({ exitCode: 4 });
    expect(await engine.rootExec(lab.spec.name, 1, "no-such-program-here")).toMatchObject({ exitCode: 127 });
  });

  it("must be able to load an nft ruleset and a qdisc", async () => {
    await using lab = await TestLab.up(engine, [1]);
    const script = "nft -f - && nft list ruleset && tc qdisc add dev eth0 root handle 1: htb && tc qdisc show dev eth0";
    const stdin = "table inet t { chain c { type filter hook input priority 0; ip saddr 192.0.2.9 drop\n}\n}\n";
    const result = await engine.rootExec(lab.spec.name, 1, script, { stdin });
    expect(result).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/192\.0\.2\.9 drop(.|\n)*htb 1:/) });
  });

  it("must go on by itself when detached", async () => {
    await using lab = await TestLab.up(engine, [1]);
    const begunAtMs = performance.now();
    await engine.rootExec(lab.spec.name, 1, `sleep ${timeFactor}; echo late > /tmp/late`, { detach: true });
    expect(performance.now() - begunAtMs).toBeLessThan(900 * timeFactor);
    await eventually(async () => (await engine.rootExec(lab.spec.name, 1, "cat /tmp/late")).stdout === "late\n");
  });
});

describe("logs", () => {
  it("must come from all nodes in order of time, whole lines, both streams", async () => {
    await using lab = new TestLab(engine);
    await engine.createLab(lab.spec, quiet, never);
    // Longer than the 16 KiB that the engine keeps in one piece.
    const long = { DS_SAY: "zeile-äöü ", DS_SAY_TIMES: "5000" };
    await engine.addNodes(lab.spec, [{ id: 1, env: long }], quiet, never);
    await eventually(() => isReady(lab, 1));
    await engine.addNodes(lab.spec, nodeSpecs(2), quiet, never);
    await eventually(() => isReady(lab, 2));
    const lines = await readAll(lab, [2, 1]);
    expect(lines.map((line) => line.node)).toEqual([1, 1, 1, 2, 2]);
    expect(lines.filter((line) => line.stream === "stderr").map((line) => line.text)).toEqual([
      "to stderr",
      "to stderr",
    ]);
    expect(lines.find((line) => line.text.startsWith("zeile"))?.text).toBe("zeile-äöü ".repeat(5000));
    expect((await readAll(lab, [1, 2], 1)).length).toBe(2);
  });

  it("must follow nodes through a restart and take up nodes that come later, until aborted", async () => {
    await using lab = await TestLab.up(engine, [1]);
    const abort = new AbortController();
    const seen: string[] = [];
    const reading = (async () => {
      const options = { follow: true, tail: null, sinceMs: null, signal: abort.signal };
      for await (const line of engine.logs(lab.spec.name, [1, 2], options)) {
        if (line.stream === "stdout") seen.push(`${line.node}:${line.text.split(" ")[0]}`);
      }
    })();
    await eventually(() => seen.includes("1:hello"));
    await eventually(() => isReady(lab, 1));
    await engine.stop(lab.spec.name, 1, 5_000);
    await engine.start(lab.spec.name, 1);
    await engine.addNodes(lab.spec, nodeSpecs(2), quiet, never);
    await eventually(() => seen.length >= 4);
    abort.abort();
    await reading;
    expect(seen.filter((line) => line.startsWith("1"))).toEqual(["1:hello", "1:bye", "1:hello"]);
    expect(seen.filter((line) => line.startsWith("2"))).toEqual(["2:hello"]);
  });
});

describe("events", () => {
  it("must tell when nodes died, started, were paused and resumed, from the call on", async () => {
    await using lab = await TestLab.up(engine, [4]);
    const abort = new AbortController();
    const events = engine.events(lab.spec.name, abort.signal);
    const before = Date.now();
    await engine.pause(lab.spec.name, 4);
    await engine.resume(lab.spec.name, 4);
    await engine.kill(lab.spec.name, 4, "KILL");
    await engine.start(lab.spec.name, 4);
    const seen: string[] = [];
    let lastAtMs = 0;
    for await (const event of events) {
      expect(event.atMs).toBeGreaterThanOrEqual(Math.max(before - 5, lastAtMs));
      lastAtMs = event.atMs;
      // Engines answer a start a moment before they record it: the one of `up` may still come.
      if (seen.length === 0 && event.what === "start") continue;
      seen.push(`${event.node}:${event.what}`);
      if (event.what === "start") abort.abort();
    }
    // On a busy machine the engine freezes in vain, undoes it and is asked again: it records each try.
    expect(seen.join(" ")).toMatch(/^(4:pause 4:unpause )+4:die 4:start$/);
  });
});
