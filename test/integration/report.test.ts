// `lab report`, as a user types it, on real processes.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { inflateRawSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readRun } from "../../lab/journal/stored-run.ts";
import { type LabHome, openLabHome } from "../support/cli.ts";
import { fillDisk, mountSmallDisk, noSmallDisk } from "../support/small-disk.ts";

describe("lab report", () => {
  let home: LabHome;
  let reports: string;
  let summary: string;
  beforeAll(async () => {
    home = await openLabHome({ GITHUB_STEP_SUMMARY: "" });
    reports = join(home.path, "reports");
    summary = join(home.path, "summary.md");
    const { code, stderr } = await home.lab("up", "--nodes", "3", "--journal", "wire", "--name", "shop");
    expect(code, stderr).toBe(0);
    await home.lab("sell", "1", "2", "30", "--name", "shop");
    await home.lab("kill", "leader", "--name", "shop");
  });
  afterAll(async () => {
    await home?.lab("down", "--name", "shop");
    await home?.[Symbol.asyncDispose]();
  });

  it("must put all about a running lab into a folder, and sum it up from there", async () => {
    const made = await home.lab("report", "--to", reports, "--title", "Two trades", "--name", "shop");
    // So soon after a kill not every promise is due.
    expect([0, 7], made.stderr).toContain(made.code);
    expect(made.stdout).toMatch(/^(valid|inconclusive): .+\n/);
    const [name] = readdirSync(reports).filter((entry) => entry !== "latest");
    expect(name).toMatch(/^[\d-]+T[\d-]+Z-two-trades$/);
    expect(made.stderr).toContain(`report: ${join(reports, name ?? "")}`);
    expect((await home.lab("report", reports)).stdout).toBe(made.stdout);
    const stored = JSON.parse((await home.lab("report", join(reports, "latest"), "-o", "json")).stdout) as {
      nodes: object[];
    };
    expect(stored).toMatchObject({
      title: "Two trades",
      failure: null,
      run: { lab: "shop", runtime: "local", nodes: [1, 2, 3] },
    });
    expect(stored.nodes).toMatchObject([
      { id: 1, balance: 70 },
      { id: 2, balance: 130 },
      { id: 3, status: "exited" },
    ]);
    const actions = (await readRun(reports)).entries.filter(({ node }) => node === 0).map(({ action }) => action);
    expect(actions).toEqual(expect.arrayContaining(["up", "kill"]));
  });

  it("must hold none of the lab's secrets", () => {
    const secrets = ["token", "keys"].map((name) =>
      readFileSync(join(home.path, "energy-lab/shop/local", name), "utf8")
        .trim()
        .replace(/^1:/, ""),
    );
    expect(secrets.every((secret) => secret.length > 20)).toBe(true);
    const files = readdirSync(reports, { recursive: true, encoding: "utf8" }).map((name) => join(reports, name));
    const texts = files.filter((path) => statSync(path).isFile()).map((path) => readFileSync(path, "utf8"));
    expect(texts.length).toBeGreaterThan(10);
    // The page packs its journal.
    const page = readFileSync(join(reports, "latest/report.html"), "utf8");
    const packed = /<script[^>]* id="run-journal">([^<]*)</.exec(page)?.[1] ?? "";
    texts.push(inflateRawSync(Buffer.from(packed, "base64")).toString());
    expect(texts.at(-1)).toContain("SELL 30 credits to Node 2");
    for (const secret of secrets) expect(texts.filter((text) => text.includes(secret))).toEqual([]);
  });

  it("must tell GitHub's job summary", async () => {
    await using github = await openLabHome({ XDG_STATE_HOME: home.path, GITHUB_STEP_SUMMARY: summary });
    await github.lab("report", "--to", reports, "--name", "shop");
    expect(readFileSync(summary, "utf8")).toMatch(/### (✅|❔) shop: (valid|inconclusive)/);
  });

  it.skipIf(noSmallDisk !== null)(
    `must say the verdict although the disk is full${noSmallDisk === null ? "" : ` (skipped: ${noSmallDisk})`}`,
    async () => {
      const disk = mountSmallDisk(64 * 1024);
      fillDisk(disk);
      const { code, stdout, stderr } = await home.lab("report", "--to", disk, "--name", "shop");
      expect(stdout).toMatch(/^(valid|inconclusive): /);
      expect(stderr).toContain("the disk is full");
      expect(stderr).toContain("name another folder with --report");
      expect(code).toBe(1);
    },
  );

  it("must refuse a folder without a run", async () => {
    const { code, stderr } = await home.lab("report", home.path);
    expect(code).toBe(2);
    expect(stderr).toContain("holds no run");
  });
});
