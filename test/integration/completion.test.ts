// Tab in real shells: the scripts that `lab completion` prints, sourced by bash, zsh and fish where they are there; and Tab, history and
// events at `lab shell`'s own prompt, in a pseudo-terminal.
import { execFile, spawn, spawnSync } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type LabHome, openLabHome } from "../support/cli.ts";
import { until } from "../support/eventually.ts";

const BIN = join(import.meta.dirname, "../../dist/lab.js");
const run = promisify(execFile);
const has = (program: string): boolean => spawnSync(program, ["--version"]).status === 0;
const whyNot = (program: string): string => (has(program) ? "" : ` (skipped: ${program} isn't installed)`);

let home: LabHome;
let env: NodeJS.ProcessEnv;
beforeAll(async () => {
  home = await openLabHome();
  const folder = join(home.path, "energy-lab", "shop");
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "lab.json"), JSON.stringify({ runtime: "local", nodes: [1, 2, 3] }));
  const scaled = { level: "info", node: 0, kind: "fault", action: "scale", added: [4], removed: [1], msg: "scale" };
  await writeFile(join(folder, "journal.jsonl"), `${JSON.stringify(scaled)}\n`);
  // `lab` as users have it: a word on the path.
  await mkdir(join(home.path, "shell"));
  await writeFile(join(home.path, "shell", "lab"), `#!/bin/sh\nexec "${process.execPath}" "${BIN}" "$@"\n`, {
    mode: 0o755,
  });
  const path = `${join(home.path, "shell")}:${process.env.PATH}`;
  env = { ...process.env, PATH: path, XDG_STATE_HOME: home.path, LAB_RUNTIME: "local", LAB_NAME: "", NO_COLOR: "1" };
});
afterAll(async () => {
  await home[Symbol.asyncDispose]();
});

async function script(shell: string): Promise<string> {
  const { stdout } = await home.lab("completion", shell);
  const path = join(home.path, `lab.${shell}`);
  await writeFile(path, stdout);
  return path;
}

describe("lab __complete", () => {
  test("must know labs and nodes without asking an engine", async () => {
    const { stdout, code } = await home.lab("__complete", "--", "--name", "shop", "kill", "");
    expect(code).toBe(0);
    expect(stdout.split("\n").slice(0, 4)).toEqual(["2", "3", "4", "leader\tthe coordinator"]);
    expect((await home.lab("__complete", "--", "down", "s")).stdout).toBe("shop\n");
    expect((await home.lab("__complete", "--", "up", "-o", "j")).stdout).toBe("json\n");
  });

  test("must refuse a shell that it has no script for", async () => {
    expect(await home.lab("completion", "tcsh")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("bash, zsh, fish"),
    });
  });
});

describe.skipIf(!has("bash"))(`in bash${whyNot("bash")}`, () => {
  async function tab(line: string): Promise<string[]> {
    const body = `source "$1"; COMP_LINE="$2"; COMP_POINT=\${#COMP_LINE}; _lab_complete; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout } = await run("bash", ["--norc", "-c", body, "bash", await script("bash"), line], { env });
    return stdout.split("\n").filter((text) => text !== "");
  }

  test.each<[line: string, next: string[]]>([
    ["lab kil", ["kill"]],
    ["lab --name shop kill ", ["2", "3", "4", "leader", "followers", "random", "majority", "minority", "all"]],
    ["lab --name shop kill 2,", ["2,3", "2,4"]],
    ["lab down ", ["shop"]],
    ["lab kill --sig", ["--signal"]],
    // Readline takes the last = or : for the beginning of a word.
    ["lab --name shop wait state:3=F", ["FAILED"]],
    ["lab --name=sh", ["shop"]],
  ])("must complete «%s»", async (line, next) => {
    expect(await tab(line)).toEqual(next);
  });
});

describe.skipIf(!has("zsh"))(`in zsh${whyNot("zsh")}`, () => {
  test("must complete verbs and nodes", async () => {
    // What zsh's own completion system would be called with; it can't run without a terminal.
    const body = `
      compdef() { :; }
      compadd() { while [[ "$1" != -- ]]; do shift; done; shift; print -rl -- "$@"; }
      _describe() { print -rl -- "\${(@P)argv[-1]}"; }
      _files() { print files; }
      source "$1"
      words=("\${(@)argv[2,-1]}"); CURRENT=$#words; PREFIX="$words[-1]"
      _lab`;
    const tab = async (...words: string[]) => {
      const { stdout } = await run("zsh", ["-f", "-c", body, "zsh", await script("zsh"), "lab", ...words], { env });
      return stdout.trim().split("\n");
    };
    expect(await tab("kil")).toEqual([expect.stringMatching(/^kill:kill nodes/)]);
    expect((await tab("--name", "shop", "kill", "")).slice(0, 4)).toEqual(["2", "3", "4", "leader:the coordinator"]);
    expect(await tab("--name", "shop", "wait", "state:3=F")).toEqual(["state\\:3=FAILED"]);
    expect(await tab("dash", "--run", "")).toEqual(["files"]);
  });
});

describe.skipIf(!has("fish"))(`in fish${whyNot("fish")}`, () => {
  test("must complete verbs and nodes with their descriptions", async () => {
    const path = await script("fish");
    const tab = async (line: string) => {
      const { stdout } = await run("fish", ["--no-config", "-c", `source ${path}; complete -C '${line}'`], { env });
      return stdout.trim().split("\n");
    };
    expect(await tab("lab kil")).toEqual([expect.stringMatching(/^kill\tkill nodes/)]);
    expect(await tab("lab --name shop kill 2,")).toEqual(["2,3", "2,4"]);
  });
});

const hasScript = has("script");
describe.skipIf(!hasScript)(`lab shell in a terminal${whyNot("script")}`, () => {
  /** A prompt, and what is on its screen. */
  function openShell(...args: string[]) {
    const line = `stty rows 40 cols 120; exec ${[process.execPath, BIN, "shell", ...args].join(" ")}`;
    const child = spawn("script", ["-qec", line, "/dev/null"], { env: { ...env, TERM: "xterm", CI: "" } });
    let screen = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      screen += text;
    });
    const closed = new Promise<number | null>((resolve) => child.once("close", resolve));
    return {
      closed,
      type: (text: string) => child.stdin.write(text),
      saw: (text: string) => until(`«${text}» on the screen:\n${screen}`, () => screen.includes(text), 20_000),
      clear: () => {
        screen = "";
      },
      kill: () => child.kill("SIGKILL"),
    };
  }

  test("must complete, remember, show events above the prompt, and survive Ctrl-C", { timeout: 90_000 }, async () => {
    const first = openShell("--name", "talk");
    try {
      await first.saw("lab> ");
      first.type("up --nodes 2 --profile fa\t");
      await first.saw("--profile fast ");
      first.type("\r");
      await first.saw('lab "talk" runs');
      await first.saw("node 2 | ");
      first.clear();
      first.type("wait leader=9\r");
      await first.saw("wait leader=9");
      await until("the command at work", async () => (await history()).includes("wait leader=9"));
      first.type("\u0003");
      await first.saw("lab: interrupted");
      first.clear();
      first.type("sell 1 2 7\r");
      await first.saw("SELL 7 credits to Node 2");
      // Said by the node, and shown by itself.
      await first.saw("node 1 | SELL 7 credits to Node 2");
      // Pasted: two lines and the beginning of a third at once.
      first.clear();
      first.type("events off\rbalance 2\rkill le");
      await first.saw("kill le");
      first.type("\t");
      await first.saw("kill leader ");
      first.type("\r");
      await first.saw("killed 2 (coordinator)");
      first.type("quit\r");
      expect(await first.closed).toBe(0);
    } finally {
      first.kill();
    }
    expect((await history()).split("\n").slice(-5)).toEqual(["events off", "balance 2", "kill leader ", "quit", ""]);

    const second = openShell("--name", "talk");
    try {
      await second.saw("lab> ");
      // Five times up: what was typed in the session before.
      second.type("\u001b[A".repeat(5));
      await second.saw("sell 1 2 7");
      second.type("\u0015");
      second.type("down\r");
      await second.saw('removed lab "talk"');
      second.type("\u0004");
      expect(await second.closed).toBe(0);
    } finally {
      second.kill();
    }
  });

  function history(): Promise<string> {
    return readFile(join(home.path, "energy-lab", "shell-history"), "utf8").catch(() => "");
  }
});
