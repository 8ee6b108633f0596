/** `ask`, `tell`, `init`: labs whose nodes run a program that isn't ours. */
import { Argument, type Command } from "commander";
import { addNotes, type Note } from "../ui/notes.ts";
import type { CommandContext } from "./context.ts";

/** How each language's program is started, in its image and by the local runtime alike. */
const COMMANDS: Readonly<Record<string, string>> = {
  python: "python3, -u, node.py",
  node: "node, node.mjs",
  go: "./node",
};

const NOTES: readonly Note[] = [
  "The lab file says under node: what a node can be asked, and how: by a command in it, or by a datagram.",
];

export function registerProgramCommands(program: Command, context: CommandContext): void {
  for (const verb of ["ask", "tell"] as const) {
    addNotes(
      program
        .command(verb)
        .helpGroup("Talk:")
        .description(
          verb === "ask" ? "ask nodes that run your own program a question of the lab file" : "give them an order",
        )
        .argument("<nodes>", "which nodes")
        .argument(verb === "ask" ? "<question>" : "<order>", `its name under node: ${verb}:`)
        .argument("[args...]", "words that the command takes")
        .action((nodes: string, name: string, args: string[]) => ask(context, verb, { nodes, name, args })),
      context.caller.prefix,
      NOTES,
    );
  }
  program
    .command("init")
    .helpGroup("Labs:")
    .description("write a small program with its lab file and a scenario, to begin from")
    .addArgument(new Argument("<language>", "its language").choices(Object.keys(COMMANDS)))
    .argument("[folder]", "where (default: ./my-node); it must not exist")
    .action((language: string, folder: string | undefined) => init(context, language, folder ?? "my-node"));
}

async function ask(
  context: CommandContext,
  verb: "ask" | "tell",
  { nodes, name, args }: { readonly nodes: string; readonly name: string; readonly args: readonly string[] },
): Promise<void> {
  const [programs, { isUp }] = await Promise.all([
    import("../../cluster/program-lab.ts"),
    import("../../engine/node-status.ts"),
  ]);
  await context.withLab(async (lab) => {
    const question = programs.questionOf(lab, verb, name);
    const chosen = await lab.resolve(nodes, isUp);
    const answers = await Promise.all(
      chosen.map(async ({ id }) => ({ node: id, answer: await programs.ask(lab, id, question, args) })),
    );
    if (verb === "tell")
      await lab.note({ action: "tell", nodes: answers.map(({ node }) => node), order: name }, `tell ${nodes} ${name}`);
    const show = (answer: unknown): string => (typeof answer === "string" ? answer : JSON.stringify(answer, null, 2));
    const text = answers.map(({ node, answer }) =>
      answers.length === 1 ? show(answer) : `node ${node}: ${show(answer)}`,
    );
    context.printer.data(answers.length === 1 ? answers[0]?.answer : answers, text.join("\n"));
  });
}

async function init(context: CommandContext, language: string, folder: string): Promise<void> {
  const [{ LabError }, { projectRoot }, { cp, mkdir, readdir, readFile, writeFile, copyFile }, { join }] =
    await Promise.all([
      import("../../base/lab-error.ts"),
      import("../../engine/node-bundle.ts"),
      import("node:fs/promises"),
      import("node:path"),
    ]);
  const programs = join(projectRoot(), "compose", "programs");
  try {
    await mkdir(folder);
  } catch (error) {
    const isThere = (error as NodeJS.ErrnoException).code === "EEXIST";
    const message = isThere ? `${folder} exists already` : `${folder} can't be made: ${(error as Error).message}`;
    throw new LabError("failed", message, "name another folder");
  }
  await cp(join(programs, `init-${language}`), folder, { recursive: true });
  await copyFile(join(programs, "init", "split.yaml"), join(folder, "split.yaml"));
  const lab = await readFile(join(programs, "init", "lab.yaml"), "utf8");
  await writeFile(join(folder, "lab.yaml"), lab.replace("COMMAND", COMMANDS[language] ?? ""));
  const files = (await readdir(folder)).sort().join(", ");
  context.printer.data({ folder, language }, `wrote ${folder}: ${files}`);
  context.printer.say(`\nnext: ${context.caller.prefix} up -f ${folder}/lab.yaml --name mine`);
}
