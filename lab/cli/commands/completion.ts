/** `completion`: scripts that teach a shell what can come next; `__complete`: what they ask. */
import type { Command } from "commander";
import { addNotes, type Note } from "../ui/notes.ts";
import type { CommandContext } from "./context.ts";

const NOTES: readonly Note[] = [
  'The scripts complete the word `lab`, so it has to be on the PATH: export PATH="$PWD/node_modules/.bin:$PATH" in the project\'s folder does that.',
  [
    ["bash", "echo 'source <(lab completion bash)' >> ~/.bashrc"],
    ["zsh", "echo 'source <(lab completion zsh)' >> ~/.zshrc (below compinit)"],
    ["fish", "lab completion fish > ~/.config/fish/completions/lab.fish"],
  ],
];

export function registerCompletionCommands(program: Command, context: CommandContext): void {
  addNotes(
    program
      .command("completion")
      .helpGroup("This machine:")
      .description("print a script that completes verbs, options, nodes and labs in your shell")
      .argument("<shell>", "bash, zsh or fish")
      .action(async (shell: string) => {
        const { completionScript } = await import("./completion-scripts.ts");
        const text = completionScript(shell);
        context.printer.data({ shell, script: text }, text.trimEnd());
      }),
    "",
    NOTES,
  );

  program
    .command("__complete", { hidden: true })
    .argument("[words...]", "the words after `lab`, the last one perhaps incomplete")
    .action((words: string[]) => printCompletion(program, context, words));
}

/** A candidate a line, with its description behind a tab; `:files` and `:open` are for the script. */
async function printCompletion(program: Command, context: CommandContext, words: readonly string[]): Promise<void> {
  const [{ complete }, facts] = await Promise.all([import("./complete.ts"), openFacts()]);
  const { candidates, files, isOpen } = await complete(program, words, facts, context.options.name);
  const lines = candidates.map(({ text, description }) => (description === "" ? text : `${text}\t${description}`));
  const text = [...lines, ...(files ? [":files"] : []), ...(isOpen ? [":open"] : [])].join("\n");
  if (text !== "") context.printer.item(null, text);
}

/** The labs that are known without asking an engine. */
export async function openFacts() {
  const [{ readCompletionFacts }, { projectRoot }, { join }] = await Promise.all([
    import("./completion-facts.ts"),
    import("../../engine/node-bundle.ts"),
    import("node:path"),
  ]);
  return readCompletionFacts(join(projectRoot(), "compose", "scenarios"));
}
