// A bad day with Docker: what goes wrong outside of the lab, and how the lab takes it. A table for each kind; the next case is a row.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CliLab, removeStateHome } from "../support/cli-lab.ts";
import { IMPAIRMENT_VALUES } from "../support/impairment-values.ts";

let lab: CliLab;
/** Another person, who has the same engine and nothing else. */
let other: CliLab;
let otherHome: string;
beforeAll(async () => {
  lab = await CliLab.up("t-bad-d", 2);
  otherHome = await mkdtemp(join(tmpdir(), "lab-test-other-"));
  other = lab.seenFrom(otherHome);
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
  await removeStateHome();
  await rm(otherHome, { recursive: true, force: true });
});

interface FaultJson {
  readonly id: string;
  readonly cause: string;
}
const causes = async (whose: CliLab) => (await whose.json<FaultJson[]>("faults")).map(({ cause }) => cause);

describe("a fault that isn't there", () => {
  test.each(IMPAIRMENT_VALUES)("%s must be brought about and verified: %s", async (_name, flags) => {
    expect(await lab.json("netem", "1", ...flags.split(" "))).toMatchObject({ verified: true });
  });

  test("must leave no fault behind when it can't be applied on one of its nodes", async () => {
    await lab.ok("heal");
    await lab.shell(2, "mv /usr/sbin/nft /usr/sbin/nft.away");
    const { code, stderr } = await lab.run("partition", "1", "2");
    await lab.shell(2, "mv /usr/sbin/nft.away /usr/sbin/nft");
    expect(stderr).toMatch(/^lab: node 2: nft refused .*; the fault is taken back/);
    expect(code).toBe(1);
    expect(await causes(lab)).toEqual([]);
    await lab.ok("heal");
    for (const id of [1, 2]) expect(await lab.remains(id)).toBe("");
  });
});

describe("two people, one lab", () => {
  test("must both see what the other has set, and replace nothing in silence", async () => {
    await lab.ok("partition", "1", "2");
    expect(await causes(other)).toEqual(["partition 1 2"]);
    await other.ok("netem", "1", "--loss", "10%", "--to", "2");
    expect(await causes(lab)).toEqual(["partition 1 2", "netem 1 --loss 10% --to 2"]);
    expect(await lab.shell(2, "nft list table inet energy_lab_faults")).toMatch(/@cut[\s\S]*numgen/);
    await other.ok("heal");
    expect(await causes(lab)).toEqual([]);
  });

  test("must be told when the other was faster, change nothing then, and be obeyed the next time", async () => {
    expect([await causes(lab), await causes(other)]).toEqual([[], []]);
    await other.ok("partition", "1", "2");
    const first = await lab.run("netem", "2", "--loss", "20%");
    expect(first.stderr).toMatch(
      /^lab: somebody else set f\d+ \(partition 1 2\) on node 1 meanwhile; nothing was changed\n/,
    );
    expect(first.code).toBe(1);
    await lab.ok("netem", "2", "--loss", "20%");
    expect(await causes(other)).toEqual(["partition 1 2", "netem 2 --loss 20%"]);
    expect((await lab.run("heal")).stderr).toContain("verified: no fault is left");
  });

  test("must get back a list that was lost while all nodes were down", async () => {
    await lab.ok("partition", "1", "2");
    await lab.ok("netem", "1", "--delay", "5ms");
    await lab.ok("stop", "all");
    await rm(join(lab.stateHome, "energy-lab", lab.name), { recursive: true });
    await lab.ok("start", "all");
    expect(await causes(lab)).toEqual(["partition 1 2", "netem 1 --delay 5ms"]);
    await lab.ok("heal");
    for (const id of [1, 2]) expect(await lab.remains(id)).toBe("");
  });
});
