// `lab dash` on containers: what a page is told when the engine goes away for a while and comes back, and what a cable that is pulled
// looks like.
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { readStream, readToken, sendCommand } from "../../lab/dash/client.ts";
import type { StreamMessage } from "../../lab/dash/protocol.ts";
import { CliLab, docker, removeStateHome } from "../support/cli-lab.ts";
import { until } from "../support/eventually.ts";

const BIN = join(import.meta.dirname, "../../dist/lab.js");

afterAll(removeStateHome);

/** The engine behind a socket of the test's own, which it can take away. */
class EngineProxy {
  readonly path: string;
  readonly #engine: string;
  readonly #sockets = new Set<Socket>();
  #server: Server | null = null;

  constructor(path: string, engine: string) {
    this.path = path;
    this.#engine = engine;
  }

  async open(): Promise<void> {
    const server = createServer((client) => {
      const engine = connect(this.#engine);
      for (const [one, other] of [
        [client, engine],
        [engine, client],
      ] as const) {
        this.#sockets.add(one);
        one.pipe(other);
        one.on("error", () => other.destroy());
        one.on("close", () => {
          this.#sockets.delete(one);
          other.destroy();
        });
      }
    });
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(this.path, resolve));
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server?.close(resolve));
  }
}

it("must tell its readers that the engine is silent and back, and lose no line in between", {
  timeout: 180_000,
}, async ({ skip }) => {
  const engine = (await docker("context", "inspect", "--format", "{{.Endpoints.docker.Host}}")).trim();
  const host = process.env.DOCKER_HOST ?? engine;
  skip(!host.startsWith("unix://"), `the engine is at ${host}: only a local socket can be taken away here`);
  const folder = await mkdtemp(join(tmpdir(), "lab-test-engine-"));
  await using lab = await CliLab.up("t-dash", 2);
  const proxy = new EngineProxy(join(folder, "docker.sock"), host.slice("unix://".length));
  await proxy.open();
  const env = {
    ...process.env,
    XDG_STATE_HOME: lab.stateHome,
    LAB_NAME: lab.name,
    DOCKER_HOST: `unix://${proxy.path}`,
  };
  const dash = spawn(process.execPath, [BIN, "dash", "--runtime", "docker"], { env });
  const closed = new Promise<number | null>((resolve) => dash.once("close", resolve));
  const stop = new AbortController();
  try {
    const url = new URL(
      await new Promise<string>((resolve) => dash.stdout.once("data", (text) => resolve(String(text)))),
    );
    const server = { origin: url.origin, token: readToken(url.hash.trim()) ?? "" };
    const messages: StreamMessage[] = [];
    void readStream(server, { signal: stop.signal, onMessage: (message) => messages.push(message) });
    const snapshot = () => messages.findLast((message) => message.type === "snapshot");
    const heard = (code: string) => messages.some((message) => message.type === "notice" && message.code === code);
    await until("agreement", () => snapshot()?.agreement.agreed === true, 30_000);

    await proxy.close();
    await until("a word of the engine's silence", () => heard("engine-silent"), 30_000);
    // Meanwhile the lab lives on.
    await lab.ok("sell", "1", "2", "7");
    const refused = await sendCommand(server, { verb: "kill", nodes: "1" });
    expect(refused).toMatchObject({ ok: false });
    await proxy.open();
    await until("a word of its return", () => heard("engine-back"), 30_000);
    const sentences = () => messages.flatMap((m) => (m.type === "entries" ? m.entries.map(({ msg }) => msg) : []));
    await until("the line from in between", () => sentences().some((msg) => msg.startsWith("SELL 7 credits")), 30_000);
    expect(sentences().filter((msg) => msg.startsWith("SELL 7 credits"))).toHaveLength(1);

    expect(await sendCommand(server, { verb: "unplug", nodes: "1" })).toMatchObject({ ok: true });
    await until(
      "the pulled cable",
      () => snapshot()?.nodes[0]?.unplugged === true && snapshot()?.nodes[0]?.says !== null,
      30_000,
    );
    expect(snapshot()?.faults).toMatchObject([{ kind: "unplug", pairs: [{ from: 1, to: 1 }] }]);
    expect(await sendCommand(server, { verb: "plug", nodes: "1" })).toMatchObject({ ok: true });

    dash.kill("SIGINT");
    expect(await closed).toBe(0);
  } finally {
    stop.abort();
    dash.kill("SIGKILL");
    await proxy.close();
    await rm(folder, { recursive: true });
  }
});
