// `lab watch` in a real terminal (a pseudo-terminal of util-linux' `script`) and in a pipe.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type LabHome, openLabHome } from "../support/cli.ts";
import { until } from "../support/eventually.ts";

const BIN = join(import.meta.dirname, "../../dist/lab.js");
const hasScript = spawnSync("script", ["--version"]).status === 0;
const why = hasScript ? "" : " (skipped: there is no `script`; util-linux has it)";

let home: LabHome;
beforeAll(async () => {
  home = await openLabHome();
  await home.lab("up", "--nodes", "3", "--profile", "fast");
}, 60_000);
afterAll(async () => {
  await home.lab("down");
  expect(await home.leftovers()).toEqual([]);
  await home[Symbol.asyncDispose]();
});

describe.skipIf(!hasScript)(`lab watch in a terminal${why}`, () => {
  test("must show the cluster, follow its size, and give the terminal back at q", { timeout: 60_000 }, async () => {
    const folder = await mkdtemp(join(tmpdir(), "lab-test-watch-"));
    const name = join(folder, "tty");
    const line = `stty rows 24 cols 80; tty >${name}; ${process.execPath} ${BIN} watch; echo "ended $?"; stty -a`;
    const env = {
      ...process.env,
      XDG_STATE_HOME: home.path,
      LAB_RUNTIME: "local",
      TERM: "xterm",
      NO_COLOR: "1",
      CI: "",
    };
    const child = spawn("script", ["-qec", line, "/dev/null"], { env });
    let screen = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      screen += text;
    });
    const closed = new Promise((resolve) => child.once("close", resolve));
    try {
      await until("the table", () => screen.includes("NODE ROLE") && screen.includes("COORDINATOR"));
      expect(screen).toContain("\u001b[?1049h");
      expect(screen).toContain("all agree on 3");
      const rows = () => [...screen.matchAll(/\[(\d+);1H/g)].map(([, row]) => Number(row));
      expect(Math.max(...rows())).toBe(24);

      screen = "";
      execFileSync("stty", ["-F", (await readFile(name, "utf8")).trim(), "rows", "40", "cols", "120"]);
      await until("all lines again, for the new size", () => Math.max(0, ...rows()) === 40);

      await home.lab("sell", "1", "2", "30");
      await until("the trade", () => screen.includes("SELL 30 credits to Node 2"));

      child.stdin.write("q");
      await until("its end", () => screen.includes("ended 0"));
      await closed;
      const after = screen.slice(screen.indexOf("\u001b[?1049l"));
      expect(after).toContain("ended 0");
      // As it was: echo and whole lines.
      expect(after).toMatch(/(^|[ ;])icanon/m);
      expect(after).toMatch(/(^|[ ;])echo[ ;]/m);
    } finally {
      child.kill("SIGKILL");
      await rm(folder, { recursive: true });
    }
  });
});

describe("lab watch in a pipe", () => {
  test("must print events and changes as lines, without control characters, until it is interrupted", async () => {
    const watch = home.start(["watch", "--events", "5"]);
    await watch.saw("== all agree on 3");
    await home.lab("sell", "1", "2", "1");
    await watch.saw("SELL 1 credits to Node 2");
    watch.child.kill("SIGINT");
    const { code, stdout } = await watch.done;
    expect(code).toBe(0);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  });

  test("must print snapshots with -o json, one a line", async () => {
    const watch = home.start(["watch", "-o", "json"]);
    await watch.saw('"type":"snapshot"');
    watch.child.kill("SIGINT");
    const { stdout } = await watch.done;
    const [first = ""] = stdout.split("\n");
    expect(JSON.parse(first)).toMatchObject({ type: "snapshot", agreement: { coordinator: 3 } });
  });
});
