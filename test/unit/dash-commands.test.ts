// The page's commands and the lines of `lab` that they equal.
import { describe, expect, test } from "vitest";
import { parseCommand } from "../../lab/dash/command-schema.ts";
import { commandWords, formatCommand, type LabCommand } from "../../lab/dash/page-command.ts";
import { describeReply, runCommand } from "../../lab/dash/run-command.ts";

const lines: readonly [LabCommand, string][] = [
  [{ verb: "kill", nodes: "leader" }, "kill leader"],
  [{ verb: "start", nodes: "1-3,5" }, "start 1-3,5"],
  [{ verb: "pause", nodes: "3", forMs: 8_000 }, "pause 3 --for 8s"],
  [{ verb: "pause", nodes: "3" }, "pause 3"],
  [{ verb: "isolate", nodes: "leader", forMs: 1_500 }, "isolate leader --for 1500ms"],
  [{ verb: "partition", groups: ["1,2", "3-5"], oneWay: true }, "partition 1,2 3-5 --one-way"],
  [
    { verb: "netem", nodes: "3", delayMs: 100, jitterMs: 20, loss: 0.1, forMs: 30_000 },
    "netem 3 --delay 100ms --jitter 20ms --loss 10% --for 30s",
  ],
  [{ verb: "netem", nodes: "all", loss: 0.075, delayMs: 0, rateBps: 64_000 }, "netem all --loss 7.5% --rate 64kbit"],
  [
    { verb: "netem", nodes: "1", duplicate: 0.01, reorder: 0.05, from: "2", to: "3", both: true, rateBps: 1_000_000 },
    "netem 1 --dup 1% --reorder 5% --rate 1mbit --from 2 --to 3 --both",
  ],
  [{ verb: "heal" }, "heal"],
  [{ verb: "heal", what: ["f2"] }, "heal f2"],
  [{ verb: "sell", from: "1", peer: "2", amount: 30 }, "sell 1 2 30"],
  [{ verb: "scale", count: 7 }, "scale 7"],
  [{ verb: "election" }, "election"],
  [{ verb: "election", node: "2" }, "election 2"],
];

describe("a command of the page", () => {
  test.each(lines)("%j must be `lab %s`", (command, line) => {
    expect(commandWords(command).join(" ")).toBe(line);
    expect(formatCommand(command, "lab")).toBe(`lab ${line}`);
    expect(formatCommand(command, "shop")).toBe(`lab ${line} --name shop`);
    expect(parseCommand(command)).toEqual({ ok: true, value: command });
  });

  test("must be run as exactly that line, for this lab and runtime", async () => {
    const ran: (readonly string[])[] = [];
    const runLine = (argv: readonly string[]) => {
      ran.push(argv);
      return Promise.resolve({ exitCode: 0, stdout: '{"killed":[5]}\n', stderr: "" });
    };
    const reply = await runCommand({ verb: "kill", nodes: "5" }, { lab: "shop", runtime: "local", runLine });
    expect(ran).toEqual([["kill", "5", "--name", "shop", "--runtime", "local", "-o", "json"]]);
    expect(reply).toEqual({ ok: true, line: "lab kill 5 --name shop", data: { killed: [5] }, said: [] });
  });

  test("must answer with the operator's error: what happened, what to do", () => {
    const stderr = [
      '{"progress":{"step":"lock","state":"info"}}',
      '{"error":{"exit":3,"name":"notFound","message":"lab \\"shop\\" has no node 9","hint":"see `lab ps`"}}',
    ].join("\n");
    expect(describeReply("lab kill 9", { exitCode: 3, stdout: "", stderr })).toEqual({
      ...{ ok: false, line: "lab kill 9", exit: "notFound" },
      ...{ message: 'lab "shop" has no node 9', hint: "see `lab ps`" },
    });
    const silent = describeReply("lab heal", { exitCode: 1, stdout: "", stderr: "some words\n" });
    expect(silent).toMatchObject({ ok: false, message: 'it ended with "failed"', hint: "" });
  });

  test("must pass on what was said to the person beside the data", () => {
    const stderr = '{"progress":{"step":"x","state":"done"}}\nwarning: no quorum\nbring back: lab start 5\n';
    const reply = describeReply("lab kill 5", { exitCode: 0, stdout: "{}", stderr });
    expect(reply).toMatchObject({ ok: true, said: ["warning: no quorum", "bring back: lab start 5"] });
  });
});
