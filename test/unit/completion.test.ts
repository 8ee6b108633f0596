// Completion: the words that can come next on a command line.
import { Command, Option } from "commander";
import { describe, expect, test } from "vitest";
import { complete } from "../../lab/cli/commands/complete.ts";
import type { CompletionFacts } from "../../lab/cli/commands/completion-facts.ts";

const FACTS: CompletionFacts = {
  labs: () => Promise.resolve(["lab", "shop"]),
  nodes: (lab) => Promise.resolve(lab === "shop" ? [1, 2, 3] : [1, 2]),
  faults: () => Promise.resolve([{ id: "f1", cause: "isolate 3" }]),
  scenarios: () => Promise.resolve(["compose/scenarios/a.yaml"]),
};

function program(): Command {
  const root = new Command("lab")
    .option("-n, --name <lab>", "which lab")
    .addOption(new Option("--runtime <where>", "where").choices(["docker", "local"]));
  root
    .command("kill")
    .description("kill nodes")
    .argument("<nodes>")
    .option("-s, --signal <name>", "which")
    .option("--wait", "wait");
  root.command("sell").argument("<from>").argument("<peer>").argument("<amount>");
  root.command("partition").argument("<groups...>");
  root.command("heal").argument("[what...]");
  root.command("wait").argument("<conditions...>");
  root.command("run").argument("<scenario>");
  root.command("hidden-one", { hidden: true });
  const keys = root.command("keys");
  keys.command("rotate");
  keys.command("add");
  return root;
}

async function nextAfter(line: string): Promise<string[]> {
  const { candidates } = await complete(program(), line.split(" "), FACTS, "lab");
  return candidates.map(({ text }) => text);
}

describe("completion", () => {
  test.each<[line: string, next: string[]]>([
    ["k", ["keys", "kill"]],
    ["keys ", ["add", "help", "rotate"]],
    ["keys r", ["rotate"]],
    ["help ki", ["kill"]],
    ["help kill ", []],
    ["kill --w", ["--wait"]],
    ["kill --n", ["--name"]],
    ["kill --signal T", ["TERM"]],
    ["kill -s t", ["TERM"]],
    ["--runtime ", ["docker", "local"]],
    ["--runtime=l", ["--runtime=local"]],
    ["--name s", ["shop"]],
    ["kill 1,", ["1,2"]],
    ["kill l", ["leader"]],
    ["--name shop kill 1,3,", ["1,3,2"]],
    ["kill --name=shop ", ["1", "2", "3", "leader", "followers", "random", "majority", "minority", "all"]],
    ["sell 1 ", ["1", "2", "leader", "followers", "random", "majority", "minority", "all"]],
    ["sell 1 2 ", []],
    ["sell 1 2 30 ", []],
    ["partition 1 2", ["2"]],
    ["heal f", ["f1", "followers"]],
    ["wait lead", ["leader="]],
    ["wait agree leader=", ["leader=1", "leader=2"]],
    ["wait state:2=F", ["state:2=FAILED"]],
    ["run c", ["compose/scenarios/a.yaml"]],
    ["nonsense ", []],
    ["--unknown ", ["heal", "help", "keys", "kill", "partition", "run", "sell", "wait"]],
  ])("must offer after «lab %s» exactly %j", async (line, next) => {
    expect(await nextAfter(line)).toEqual(next);
  });

  test("must never offer what is hidden", async () => {
    expect(await nextAfter("h")).toEqual(["heal", "help"]);
    expect(await nextAfter("hidden")).toEqual([]);
  });

  test("must say what a word means, where names of files may stand, and what is to be typed on", async () => {
    const words = (line: string) => complete(program(), line.split(" "), FACTS, "lab");
    expect((await words("ki")).candidates).toEqual([{ text: "kill", description: "kill nodes" }]);
    expect(await words("run ")).toMatchObject({ files: true });
    expect(await words("wait leader")).toMatchObject({ isOpen: true });
    expect(await words("wait agr")).toMatchObject({ isOpen: false });
  });
});
