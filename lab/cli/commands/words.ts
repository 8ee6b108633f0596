/** `words`: what the terms mean that commands, help and journals use. `lab help words` shows the same. */
import type { Command } from "commander";
import { GLOSSARY, WORDS_FILE, type Word } from "../../base/glossary.ts";
import { LabError } from "../../base/lab-error.ts";
import { didYouMean } from "../../base/suggest.ts";
import { addNotes, type Note, renderNotes } from "../ui/notes.ts";
import type { CommandContext } from "./context.ts";

export function registerWordsCommand(program: Command, context: CommandContext): void {
  const command = program
    .command("words")
    .helpGroup("This machine:")
    .description("explain the words that lab uses")
    .argument("[word]", "only this one")
    .action((term: string | undefined) => explainWords(context, term));
  addNotes(command, "", describeWords(GLOSSARY));
}

function explainWords({ printer }: CommandContext, term: string | undefined): void {
  const words = term === undefined ? GLOSSARY : [findWord(term)];
  printer.data(words, renderNotes(describeWords(words), { width: process.stdout.columns }));
}

function describeWords(words: readonly Word[]): readonly Note[] {
  return [words.map(({ term, definition }) => [term, definition] as const), `More about them: ${WORDS_FILE}`];
}

function findWord(text: string): Word {
  const terms = GLOSSARY.map(({ term }) => term);
  const word = GLOSSARY.find(({ term }) => term === text.toLowerCase());
  if (word !== undefined) return word;
  const hint = didYouMean(text, terms, `the words are: ${terms.join(", ")}`);
  throw new LabError("usage", `lab has no word "${text}" of its own`, hint);
}
