// A node in a terminal as a person has it: windows that close, jobs that stop, keys, pipes, signals to the whole job. The
// terminal is made by `script` (util-linux), with an interactive bash in it where jobs are concerned.
import { spawn, spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { until } from "../support/eventually.ts";
import { mainPath, TestLab, type TestNode } from "../support/node-process.ts";

const hasScript = spawnSync("script", ["--version"]).status === 0;

/** The command line that starts node `id` of the lab. */
function commandOf(id: number): string {
  return `${process.execPath} --disable-warning=ExperimentalWarning ${mainPath} ${id}`;
}

function openTerminal(lab: TestLab, id: number, command: string) {
  const environment = lab.environment(id);
  delete environment.DS_DATA_DIR;
  const child = spawn("script", ["-qec", command, "/dev/null"], {
    env: { PATH: process.env.PATH ?? "", TERM: "xterm", PS1: "shell> ", ...environment },
    detached: true,
  });
  let screen = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    screen += text;
  });
  const closed = new Promise<number | null>((resolve) => child.once("close", resolve));
  return {
    closed,
    screen: () => screen,
    type: (text: string) => child.stdin.write(text),
    saw: (text: string | RegExp) => until(`${String(text)} on the screen`, () => screen.search(text) >= 0),
    /** The terminal is gone, as when its window is closed. */
    closeWindow: () => child.kill("SIGKILL"),
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await closed;
    },
  };
}

async function other(lab: TestLab): Promise<TestNode> {
  const node = lab.start(2, { memoryOnly: true });
  await until("node 2 is READY", async () => (await node.ping())?.phase === "READY");
  return node;
}

describe.skipIf(!hasScript)("a node in a terminal", () => {
  test("must leave the group when its window is closed", async () => {
    await using lab = await TestLab.open(2);
    const two = await other(lab);
    await using window = openTerminal(lab, 1, commandOf(1));
    await window.saw("Node 1 is READY");
    window.closeWindow();
    await two.hears("Node 1 is leaving");
    expect(two.said("Node 1 FAILED")).toBeUndefined();
  });

  test("must show each result of a pasted block once", async () => {
    await using lab = await TestLab.open(2);
    await other(lab);
    await using window = openTerminal(lab, 1, commandOf(1));
    await window.saw("Node 1 is READY");
    window.type("sell 2 1\r".repeat(30));
    await window.saw(/\[71 -> 70\]/);
    window.type("quit\r");
    expect(await window.closed).toBe(0);
    expect(window.screen().match(/SELL 1 credits to Node 2/g)).toHaveLength(30);
  });

  test("must say at Ctrl-C that it leaves, and how to see a crash", async () => {
    await using lab = await TestLab.open(2);
    const two = await other(lab);
    await using window = openTerminal(lab, 1, commandOf(1));
    await window.saw("Node 1 is READY");
    window.type("\u0003");
    await window.saw("To see a crash, type kill or press Ctrl-\\\\");
    expect(await window.closed).toBe(0);
    await two.hears("Node 1 is leaving");
  });

  test.each([
    ["kill", "kill\r"],
    ["Ctrl-\\", "\u001c"],
  ])("must crash without a word at %s, and give the terminal back", async (_name, keys) => {
    await using lab = await TestLab.open(2);
    const two = await other(lab);
    await using window = openTerminal(lab, 1, `${commandOf(1)}; stty -a`);
    await window.saw("Node 1 is READY");
    window.type(keys);
    await window.saw("Node 1 crashes");
    await window.closed;
    // Raw mode would be -icanon.
    expect(window.screen()).toMatch(/ icanon /);
    await two.hears("Node 1 FAILED");
    expect(two.said("Node 1 is leaving")).toBeUndefined();
  });

  test("must stop with its whole job at Ctrl-Z, and go on at fg", async () => {
    await using lab = await TestLab.open(2);
    await other(lab);
    await using window = openTerminal(lab, 1, "bash --norc -i");
    await window.saw("shell> ");
    // As npx does: a process of the same job waits for the node.
    window.type(`sh -c '${commandOf(1)}; echo the end: $?'\r`);
    await window.saw("Node 1 is READY");
    window.type("\u001a");
    await window.saw("Stopped");
    window.type("fg\r");
    await window.saw(/Stopped[\s\S]*Node 1> /);
    window.type("balance\r");
    await window.saw("Balance: 100 credits");
    window.type("\u0003");
    await window.saw("the end: 0");
    window.type("exit\r");
    await window.closed;
  });
});

describe("a node with commands in a pipe", () => {
  test("must do them one after the other once it is READY, and leave at quit", async () => {
    await using lab = await TestLab.open(2);
    await other(lab);
    const one = lab.start(1, { memoryOnly: true });
    one.type("sell 2 5\nbalance\nsell 2 1000\nquit");
    one.child.stdin?.end();
    expect(await one.exited).toBe(0);
    const said = one.plain.join("\n");
    expect(said).toMatch(/SELL 5 credits[\s\S]*Balance: 95 credits[\s\S]*insufficient balance[\s\S]*Shutting down/);
  });

  test("must run on when its input has ended without a word", async () => {
    await using lab = await TestLab.open(1);
    const node = lab.start(1);
    node.child.stdin?.end();
    await until("it is READY", async () => (await node.ping())?.phase === "READY");
    expect(node.plain).toEqual([]);
  });

  test("must obey commands that come late", async () => {
    await using lab = await TestLab.open(1);
    const node = lab.start(1);
    await until("it is READY", async () => (await node.ping())?.phase === "READY");
    node.type("balance");
    await until("the balance", () => node.plain.some((line) => line === "Balance: 100 credits"));
  });
});
