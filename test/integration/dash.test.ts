// `lab dash` on real nodes: what a page is told while a cluster lives, breaks and ends, asked by the page's own client.
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type DashServer, readCatalogue, readStream, readToken, sendCommand } from "../../lab/dash/client.ts";
import type { Snapshot, StreamMessage } from "../../lab/dash/protocol.ts";
import { writeRun } from "../../lab/journal/stored-run.ts";
import { type LabHome, openLabHome, type RunningCli } from "../support/cli.ts";
import { clusterEntries } from "../support/entries.ts";
import { until } from "../support/eventually.ts";

let home: LabHome;
beforeAll(async () => {
  home = await openLabHome();
});
afterAll(async () => {
  await home[Symbol.asyncDispose]();
});

/** A page that has the address. */
class Page implements AsyncDisposable {
  readonly server: DashServer;
  readonly messages: StreamMessage[] = [];
  readonly states: string[] = [];
  readonly #stop = new AbortController();
  readonly done: Promise<void>;

  constructor(url: string) {
    const { origin, hash } = new URL(url);
    this.server = { origin, token: readToken(hash) ?? "" };
    this.done = readStream(this.server, {
      signal: this.#stop.signal,
      onMessage: (message) => this.messages.push(message),
      onState: ({ state }) => this.states.push(state),
    });
  }

  get snapshot(): Snapshot | undefined {
    return this.messages.findLast((message) => message.type === "snapshot");
  }

  get sentences(): string[] {
    return this.messages.flatMap((message) =>
      message.type === "entries" ? message.entries.map(({ msg }) => msg) : [],
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.done;
  }
}

async function openDash(...args: string[]): Promise<{ dash: RunningCli; url: string }> {
  const dash = home.start(["dash", ...args]);
  const url = await new Promise<string>((resolve, reject) => {
    dash.child.stdout.once("data", (text: string) => resolve(text.trim()));
    dash.done.then(({ stderr }) => reject(new Error(stderr)), reject);
  });
  return { dash, url };
}

describe("lab dash on a lab that runs", () => {
  test("must show the cluster, do what the page asks, and end with the lab", { timeout: 90_000 }, async () => {
    await home.lab("up", "--nodes", "3", "--profile", "fast", "--name", "shown");
    const { dash, url } = await openDash(
      "--name",
      "shown",
      "--metrics-port",
      "0",
      "--runs",
      join(home.path, "runs", "none"),
    );
    await dash.saw("metrics, without a token");
    await using page = new Page(url);

    await until("a snapshot in which all agree", () => page.snapshot?.agreement.agreed === true);
    expect(page.messages[0]).toMatchObject({ type: "hello", mode: "live", mayCommand: true, facts: { lab: "shown" } });
    const first = page.snapshot as Snapshot;
    expect(first.agreement.coordinator).toBe(3);
    expect(first.nodes.map((node) => [node.id, node.status, node.says?.sum])).toEqual(
      [1, 2, 3].map((id) => [id, "running", 300]),
    );
    expect(first.nodes[0]?.says?.members.map(({ id, state }) => [id, state])).toEqual([
      [2, "ALIVE"],
      [3, "ALIVE"],
    ]);
    await until(
      "the lab's own line, and the nodes'",
      () =>
        page.sentences.some((msg) => msg.startsWith("up shown")) && page.sentences.some((msg) => msg.includes("READY")),
    );

    expect(await sendCommand(page.server, { verb: "sell", from: "1", peer: "2", amount: 30 })).toMatchObject({
      ...{ ok: true, line: "lab sell 1 2 30 --name shown" },
      data: { state: "settled" },
    });
    await until("the trade's line", () => page.sentences.some((msg) => msg.startsWith("SELL 30 credits to Node 2")));

    expect(await sendCommand(page.server, { verb: "kill", nodes: "leader" })).toMatchObject({
      ...{ ok: true, line: "lab kill leader --name shown" },
      data: { killed: [{ id: 3, role: "coordinator" }] },
    });
    await until("another coordinator", () => page.snapshot?.agreement.coordinator === 2);
    expect(page.snapshot?.nodes[2]).toMatchObject({ status: "exited", says: null });
    await until("the line of the kill", () => page.sentences.includes("kill 3 SIGKILL"));

    const partition = await sendCommand(page.server, { verb: "partition", groups: ["1", "2"] });
    expect(partition).toMatchObject({ ok: true, data: { fault: "f1", verified: true } });
    await until("the fault in a snapshot", () => page.snapshot?.faults[0]?.effect === "cut");
    expect(await sendCommand(page.server, { verb: "heal" })).toMatchObject({ ok: true, data: { healed: ["f1"] } });

    expect(await sendCommand(page.server, { verb: "kill", nodes: "9" })).toMatchObject({
      ...{ ok: false, exit: "notFound", hint: "list its nodes: lab ps --name shown" },
      message: 'lab "shown" has no node 9 (it has 1, 2, 3)',
    });
    expect(await readCatalogue(page.server)).toMatchObject({ runs: [] });

    await home.lab("down", "shown");
    const { code, stderr } = await dash.done;
    expect(stderr).toContain('lab "shown" was removed');
    expect(code).toBe(0);
    await page.done;
    expect(page.messages.at(-1)).toMatchObject({ type: "end", why: "lab-gone" });
    expect(page.states.at(-1)).toBe("ended");
  });

  test("must be refused where no lab is", async () => {
    const { code, stderr } = await home.lab("dash", "--name", "nowhere");
    expect(code).toBe(3);
    expect(stderr).toContain('there is no lab named "nowhere"');
  });

  test.each([
    ["--port", "seven"],
    ["--port", "65536"],
    ["--metrics-address", "evil.example"],
  ])("must refuse %s %s before it asks anybody", async (option, value) => {
    const { code, stderr } = await home.lab("dash", "--metrics-port", "0", option, value);
    expect(stderr).toContain(value);
    expect(code).toBe(2);
  });
});

describe("lab dash --run", () => {
  test("must replay a stored run to the same page, refuse commands, and end with Ctrl-C", async () => {
    const folder = join(home.path, "runs", "first");
    await writeRun(folder, clusterEntries(1_200));
    const { dash, url } = await openDash("--run", folder);
    await using page = new Page(url);
    await page.done;
    expect(page.messages[0]).toMatchObject({ type: "hello", mode: "replay", mayCommand: false, past: 1_200 });
    expect(page.sentences).toHaveLength(1_200);
    expect(page.messages.slice(-2)).toMatchObject([
      { type: "verdicts", checks: expect.arrayContaining([expect.objectContaining({ check: "conservation" })]) },
      { type: "end", why: "replayed" },
    ]);
    await expect(sendCommand(page.server, { verb: "heal" })).rejects.toThrow("a stored run can't be changed");
    expect((await readCatalogue(page.server)).runs).toMatchObject([{ name: "first", lab: "made-up", nodes: 2 }]);
    dash.child.kill("SIGINT");
    expect(await dash.done).toMatchObject({ code: 0 });
  });

  test("must tell its readers when it ends", async () => {
    await home.lab("up", "--nodes", "1", "--profile", "fast", "--name", "brief");
    const { dash, url } = await openDash("--name", "brief");
    await using page = new Page(url);
    await until("a snapshot", () => page.snapshot !== undefined);
    dash.child.kill("SIGINT");
    expect(await dash.done).toMatchObject({ code: 0 });
    await page.done;
    expect(page.messages.at(-1)).toMatchObject({ type: "end", why: "server-ends" });
    await home.lab("down", "brief");
    expect((await home.leftovers()).filter((item) => !item.includes("runs"))).toEqual([]);
  });

  test("must say so where there is no run", async () => {
    const { code, stderr } = await home.lab("dash", "--run", "/nowhere");
    expect([code, stderr]).toEqual([2, expect.stringContaining("/nowhere holds no run")]);
  });
});
