/** `keys`: which cluster keys the nodes have, and changing them while they run. */
import { Argument, type Command } from "commander";
import type { KeyStep } from "../../cluster/key-rotation.ts";
import type { CommandContext } from "./context.ts";

const EFFECTS: Readonly<Record<KeyStep, (ids: readonly number[]) => string>> = {
  add: ([first, second]) => `added key ${second}: all nodes open both, and seal with ${first}`,
  use: ([first, second]) => `using key ${first}: all nodes seal with it, and still open ${second}`,
  remove: ([first]) => `removed the old key: ${first} is the only one`,
};

export function registerKeyCommands(program: Command, context: CommandContext): void {
  program
    .command("keys")
    .helpGroup("Labs:")
    .description("show the cluster keys of the nodes, or change them while the nodes run, in three steps or at once")
    .addArgument(new Argument("[step]", "rotate takes all remaining steps").choices(["rotate", "add", "use", "remove"]))
    .action((step: "rotate" | KeyStep | undefined) => (step === undefined ? show(context) : rotate(context, step)));
}

async function show(context: CommandContext): Promise<void> {
  const [{ readKeys }, { renderTable }] = await Promise.all([
    import("../../cluster/key-rotation.ts"),
    import("../ui/table.ts"),
  ]);
  await context.withLab(async (lab) => {
    const found = await readKeys(lab);
    const columns = [
      { title: "NODE", align: "right" },
      { title: "SEALS", align: "right" },
      { title: "OPENS" },
    ] as const;
    const rows = found.map(({ node, keys }) => [String(node), String(keys[0] ?? "-"), keys.join(", ")]);
    context.printer.data(found, renderTable(columns, rows));
  });
}

async function rotate(context: CommandContext, wanted: "rotate" | KeyStep): Promise<void> {
  const { dueKeyStep, takeKeyStep } = await import("../../cluster/key-rotation.ts");
  const { printer } = context;
  await context.withLab((lab) =>
    lab.locked(`keys ${wanted}`, async () => {
      const taken: { step: KeyStep; keys: readonly number[] }[] = [];
      do {
        const step = wanted === "rotate" ? await dueKeyStep(lab) : wanted;
        const keys = await takeKeyStep(lab, step);
        taken.push({ step, keys });
        if (!printer.json) printer.data(null, EFFECTS[step](keys));
      } while (wanted === "rotate" && taken.at(-1)?.step !== "remove");
      if (printer.json) printer.data(taken, "");
    }),
  );
}
