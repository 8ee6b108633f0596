// Faults between local processes: everything is the nodes' own shim, since they have no network of their own.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseImpairment } from "../../lab/faults/parse-fault.ts";
import { StateData } from "../../node/wire/control.ts";
import { CliLab, removeStateHome } from "../support/cli-lab.ts";
import { eventually } from "../support/eventually.ts";
import { IMPAIRMENT_VALUES } from "../support/impairment-values.ts";

let lab: CliLab;
beforeAll(async () => {
  lab = await CliLab.up("t-flt-l", 3, "--runtime", "local");
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
  await removeStateHome();
});

async function rulesOf(id: number): Promise<StateData["impairments"]> {
  const [state] = await lab.json<unknown[]>("status", `${id}`);
  return StateData.parse(state).impairments;
}

describe("faults between local processes", () => {
  it("must be the shim's, verified, and felt by the protocol until healed", async () => {
    expect(await lab.ok("isolate", "3")).toMatch(/3 -> 1,2: cut; 1,2 -> 3: cut; no contact; backend shim, verified/);
    expect((await rulesOf(3)).map((rule) => rule.source)).toEqual([1, 2]);
    expect((await rulesOf(1)).map((rule) => rule.source)).toEqual([3]);
    await eventually(async () => expect(await lab.ok("status", "1")).toMatch(/Coordinator: Node 2/), 20_000);
    await lab.ok("heal");
    expect(await rulesOf(3)).toEqual([]);
    await lab.ok("wait", "agree", "--timeout", "30s");
  });

  it("must do every parameter in one call", async () => {
    const flags = [
      "--delay",
      "20ms",
      "--jitter",
      "5ms",
      "--loss",
      "5%",
      "--dup",
      "5%",
      "--reorder",
      "5%",
      "--rate",
      "1mbit",
    ];
    expect(await lab.ok("netem", "1", ...flags, "--to", "2", "--for", "2s")).toMatch(/backend shim, verified/);
    expect(await rulesOf(2)).toMatchObject([
      {
        source: 1,
        impairment: { delayMs: 20, jitterMs: 5, loss: 0.05, duplicate: 0.05, reorder: 0.05, rateBps: 1_000_000 },
      },
    ]);
    await eventually(async () => expect(await rulesOf(2)).toEqual([]), 5_000);
    expect(await lab.json<unknown[]>("faults")).toEqual([]);
  });

  it.each(IMPAIRMENT_VALUES)("must bring about and verify %s: %s", async (_name, flags) => {
    const words = flags.split(" ");
    expect(await lab.json("netem", "1", ...words)).toMatchObject({ verified: true });
    const texts = Object.fromEntries(words.flatMap((word, i) => (i % 2 === 0 ? [[word.slice(2), words[i + 1]]] : [])));
    const impairment = parseImpairment(texts, "--");
    expect(await rulesOf(2)).toMatchObject([{ source: 1, impairment }]);
    await lab.ok("heal");
    expect(await rulesOf(2)).toEqual([]);
  });

  it("must cut the network into halves with a bridge, and say what can't be cut", async () => {
    expect(await lab.ok("partition", "bridge", "2")).toMatch(/^[13] -> [13]: cut; [13] -> [13]: cut/);
    expect(await rulesOf(2)).toEqual([]);
    expect(await rulesOf(1)).toMatchObject([{ source: 3, impairment: { cut: true } }]);
    await lab.ok("heal");
    expect(await lab.run("partition", "ring")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("four nodes"),
    });
    expect(await lab.run("partition", "bridge", "1,2")).toMatchObject({ code: 2 });
    expect(await lab.run("partition", "ring", "--one-way")).toMatchObject({ code: 2 });
  });

  it("must be there again after a restart", async () => {
    await lab.ok("partition", "1", "2", "--one-way");
    await lab.ok("kill", "2", "--no-wait");
    await lab.ok("start", "2");
    expect(await rulesOf(2)).toMatchObject([{ source: 1, impairment: { cut: true } }]);
    await lab.ok("heal");
    expect(await rulesOf(2)).toEqual([]);
  });

  it("must be there before the first packet of a node that was down when they were set", async () => {
    await lab.ok("stop", "2");
    await lab.ok("wipe", "2");
    await lab.ok("isolate", "2");
    await lab.ok("start", "2");
    const said = (await lab.ok("logs", "2")).split("\n");
    const life = said.slice(said.findLastIndex((line) => line.includes("Faults back in force: 2")));
    expect(life.join("\n")).toMatch(/Faults in force: 2/);
    expect(life.join("\n")).not.toMatch(/Discovered|JOIN_RESPONSE|Accepted/);
    await lab.ok("heal");
    await lab.ok("wait", "agree", "--timeout", "30s");
  });

  it("must refuse what needs a network of a node's own, and say what to do instead", async () => {
    const { code, stderr } = await lab.run("unplug", "2");
    expect(stderr).toMatch(/no network cable[\s\S]*isolate/);
    expect(code).toBe(6);
    expect((await lab.run("netem", "1", "--delay", "10ms", "--egress")).code).toBe(6);
  });
});
