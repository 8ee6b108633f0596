// Delay, jitter, doubling and reordering where the engine's kernel has no netem: the node's own receive-side shim, told over
// the control channel. Its effect is what the nodes themselves measure and count. (With netem: test/docker/netem.)
import { once } from "node:events";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { StateData } from "../../node/wire/control.ts";
import { CliLab, removeStateHome } from "../support/cli-lab.ts";
import { probeDocker, probeNetem } from "../support/docker-available.ts";
import { eventually, timeFactor } from "../support/eventually.ts";

const engine = await probeDocker();
const hasNetem = engine.available && (await probeNetem(engine.image)).available;

let lab: CliLab;

async function stateOf(id: number): Promise<StateData> {
  const status = await lab.json<unknown>("status", `${id}`);
  return StateData.parse(Array.isArray(status) ? status[0] : status);
}

describe.skipIf(hasNetem)("a fault that only the shim can do", () => {
  beforeAll(async () => {
    lab = await CliLab.up("t-flt-s", 3);
  });
  afterAll(async () => {
    await lab?.[Symbol.asyncDispose]();
    await removeStateHome();
  });
  afterEach(async () => {
    await lab.ok("heal");
    for (const id of [1, 2, 3]) {
      expect((await stateOf(id)).impairments).toEqual([]);
      await eventually(async () => expect(await lab.remains(id)).toBe(""), 5_000);
    }
  });

  it("must be in force at the receiver for that source alone, be verified, and be felt", async () => {
    const text = await lab.ok("netem", "1", "--delay", "200ms", "--jitter", "10ms", "--to", "2");
    expect(text.trim()).toBe("1 -> 2: +200 ms ±10 ms; 2 -> 1: unchanged; round trip +200 ms; backend shim, verified");
    const state = await stateOf(2);
    expect(state.impairments).toMatchObject([{ source: 1, impairment: { delayMs: 200, jitterMs: 10 } }]);
    expect((await stateOf(1)).impairments).toEqual([]);
    expect((await stateOf(3)).impairments).toEqual([]);
    await eventually(async () => {
      const { counters } = await stateOf(2);
      expect(counters.impaired_delayed ?? 0).toBeGreaterThan(state.counters.impaired_delayed ?? 0);
    }, 10_000);
  });

  it("must hold together with what the kernel does: combined in one call", async () => {
    const text = await lab.ok(
      "netem",
      "1",
      "--delay",
      "50ms",
      "--dup",
      "20%",
      "--loss",
      "30%",
      "--rate",
      "1mbit",
      "--to",
      "2",
    );
    expect(text).toMatch(
      /\+50 ms, 30% lost, 20% doubled, at most 1 mbit\/s; .* backend nft \+ (htb \+ )?shim, verified/,
    );
    expect(await lab.shell(2, "nft list ruleset 2>/dev/null")).toMatch(/numgen random mod 1000000 < 300000/);
    expect((await stateOf(2)).impairments).toMatchObject([
      { source: 1, impairment: { delayMs: 50, duplicate: 0.2, loss: 0 } },
    ]);
  });

  it("must be replaced as a whole by the next netem of the same pair", async () => {
    await lab.ok("netem", "1", "--delay", "200ms", "--to", "2");
    const { stderr } = await lab.run("netem", "1", "--dup", "10%", "--to", "2");
    expect(stderr).toMatch(/replaced on these pairs: f\d+ \(netem 1 --delay 200ms --to 2\)/);
    expect((await stateOf(2)).impairments).toMatchObject([{ impairment: { delayMs: 0, duplicate: 0.1 } }]);
  });

  it("must end by itself though the command that set it was killed", async () => {
    const command = lab.start("netem", "1", "--delay", "100ms", "--for", `${3_000 * timeFactor}ms`);
    await once(command.stdout ?? command, "data");
    command.kill("SIGKILL");
    expect((await stateOf(3)).impairments).toHaveLength(1);
    await eventually(async () => expect((await stateOf(3)).impairments).toEqual([]), 8_000);
  });

  it("must be there again when the node was killed and started", async () => {
    await lab.ok("netem", "1", "--delay", "100ms", "--to", "2");
    await lab.ok("kill", "2", "--no-wait");
    await lab.ok("start", "2");
    await eventually(async () => {
      expect((await stateOf(2)).impairments).toMatchObject([{ source: 1, impairment: { delayMs: 100 } }]);
    }, 10_000);
  });

  it("must not come back when it was healed while the node was down", async () => {
    await lab.ok("netem", "1", "--delay", "100ms", "--to", "2");
    await lab.ok("kill", "2", "--no-wait");
    await lab.ok("heal");
    await lab.ok("start", "2");
    await eventually(async () => expect((await stateOf(2)).impairments).toEqual([]), 10_000);
  });
});
