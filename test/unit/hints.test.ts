// Hints are commands: each one that the code can print parses with the real program, for the lab, the runtime and the way of calling
// that are meant. test/integration/hints.test.ts runs them.
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { afterAll, describe, expect, test } from "vitest";
import {
  type Caller,
  type Hint,
  isAboutLab,
  renderCommand,
  renderHint,
  renderHints,
  toHints,
} from "../../lab/base/hint.ts";
import { LabError } from "../../lab/base/lab-error.ts";
import { NEXT } from "../../lab/base/next.ts";
import { calledAs } from "../../lab/cli/caller.ts";
import type { CommandContext } from "../../lab/cli/commands/context.ts";
import { describeProgram } from "../../lab/cli/program.ts";
import { Printer } from "../../lab/cli/ui/printer.ts";
import { sayHints } from "../../lab/cli/ui/say-hints.ts";
import { HINT_SAMPLES, splitCommand } from "../support/hint-samples.ts";
import { blankOut, listSources, PROJECT_ROOT } from "../support/sources.ts";
import { makeTempFolder } from "../support/temp-folder.ts";

const shop: Caller = { prefix: "lab", lab: "shop", standardLab: "lab", runtime: "local" };

/** Every hint of the list, with arguments as the code gives them. */
const all: readonly (readonly [name: string, hint: Hint])[] = Object.entries(HINT_SAMPLES).flatMap(([name, sample]) =>
  sample.flatMap((hint): (readonly [string, Hint])[] => [[name, hint]]),
);

describe("every hint", () => {
  test("must have a sample here", () => {
    expect(Object.keys(HINT_SAMPLES).sort()).toEqual(Object.keys(NEXT).sort());
  });

  test.each(all)("%s must parse with the real program", async (_name, hint) => {
    const words = splitCommand(renderCommand(hint, shop));
    expect(words[0]).toBe("lab");
    const { verb, options } = await parse(words.slice(1));
    if (hint.command[0]?.startsWith("-") !== true) expect(verb).toBe(hint.command[0]);
    if (!isAboutLab(hint) || hint.command.includes("--run")) return;
    expect(options).toMatchObject({ name: hint.lab ?? "shop", runtime: "local" });
  });

  test.each(all)("%s must say what it is for, in words that don't name a command", (_name, hint) => {
    expect(hint.text).not.toMatch(/`|: /);
  });
});

describe("a command in a hint", () => {
  test("must name no lab where a command without --name means the same", () => {
    const hint = NEXT.scaleTo(7);
    expect(renderHint(hint, { ...shop, lab: "lab", runtime: null })).toBe("change it: lab scale 7");
    expect(renderHint(hint, { ...shop, standardLab: "shop", runtime: null })).toBe("change it: lab scale 7");
    expect(renderHint(hint, shop)).toBe("change it: lab scale 7 --name shop --runtime local");
  });

  test("must name the lab that it is about, not the one of the command line", () => {
    expect(renderCommand(NEXT.removeLab("other"), shop)).toBe("lab down --name other --runtime local");
  });

  test("must be what a shell takes for the same words", () => {
    const command = ["run", "my file.yaml", "--set", 'env.DS_X=a b$c`d"e\\f'];
    expect(splitCommand(renderCommand({ command }))).toEqual(["lab", ...command]);
  });

  test("must stand in one line with the others for programs", () => {
    expect(renderHints([NEXT.listNodes(), "or wait"], shop)).toBe(
      "list its nodes: lab ps --name shop --runtime local; or wait",
    );
    expect(new LabError("failed", "no", NEXT.listNodes()).hint).toBe("list its nodes: lab ps");
    expect(toHints("")).toEqual([]);
  });

  test("must not be broken by a narrow terminal", () => {
    const written: string[] = [];
    const stream = { write: (text: string) => written.push(text), isTTY: true, columns: 40 };
    const printer = new Printer({ stdout: stream, stderr: stream }, { json: false, environment: {} });
    sayHints(printer, [NEXT.waitForAgreement(), "write a number that is between one and a hundred"], shop, "  ");
    expect(written.join("").split("\n")).toEqual([
      "  wait until all agree:",
      "    lab wait agree --name shop --runtime local",
      "  write a number that is between one and",
      "    a hundred",
      "",
    ]);
  });
});

describe("the way of calling", () => {
  const home = makeTempFolder(afterAll);
  const script = join(home, "dist", "lab.js");
  for (const folder of ["dist", "bin", "other", "project/node_modules/.bin"])
    mkdirSync(join(home, folder), { recursive: true });
  writeFileSync(script, "");
  writeFileSync(join(home, "other", "lab"), "");
  for (const link of ["bin/lab", "bin/energy-lab", "project/node_modules/.bin/lab"])
    symlinkSync(script, join(home, link));
  const project = join(home, "project");
  const npx = (line: string) => ({ npm_lifecycle_event: "npx", npm_lifecycle_script: line });

  test.each([
    ["a link that the PATH has", "bin/lab", { PATH: join(home, "bin") }, home, "lab"],
    ["the package's other name", "bin/energy-lab", { PATH: join(home, "bin") }, home, "energy-lab"],
    ["npx", "project/node_modules/.bin/lab", npx("'lab'"), home, "npx lab"],
    ["npx with the other name", "bin/energy-lab", npx("energy-lab"), home, "npx energy-lab"],
    ["the file, where npx finds it", "dist/lab.js", {}, project, "npx lab"],
    ["the file under a runner of npm", "dist/lab.js", { ...npx("vitest run"), PATH: "/nowhere" }, project, "npx lab"],
    [
      "a script of npm",
      "project/node_modules/.bin/lab",
      { PATH: join(project, "node_modules/.bin") },
      project,
      "npx lab",
    ],
    ["the file, where nothing finds it", "dist/lab.js", {}, home, `node ${script}`],
    ["the file, with another lab on the PATH", "dist/lab.js", { PATH: join(home, "other") }, home, `node ${script}`],
  ])("of %s must be printed", (_what, called, environment, folder, prefix) => {
    expect(calledAs(join(home, called), environment, folder)).toBe(prefix);
  });
});

test("no sentence may name a command that is to be typed: commands stand in lab/base/next.ts", () => {
  const verbs = program().commands.map((command) => command.name());
  // A name in backticks, without arguments, says what a command does; it isn't something to type.
  const typed = new RegExp(`(?<!\`)\\blab (?:${verbs.join("|")})\\b|\`lab (?:${verbs.join("|")}) [^\`]`);
  // Help for shells and for several machines, scripts for shells, and what the page says in a browser.
  const mayName =
    /^lab\/(page|pictures|dash)\/|^lab\/base\/(next|glossary)\.ts$|^lab\/cli\/commands\/(completion|completion-scripts|care)\.ts$/;
  const found = listSources("lab", "node")
    .filter((file) => !mayName.test(file))
    .flatMap((file) => {
      const lines = blankOut(readFileSync(join(PROJECT_ROOT, file), "utf8")).withStrings.split("\n");
      return lines.flatMap((line, i) => (typed.test(line) ? [`${file}:${i + 1}: ${line.trim()}`] : []));
    });
  expect(found).toEqual([]);
});

/** The real program, whose commands do nothing. */
function program(onAction: (command: Command) => void = () => {}): Command {
  const silent = { write: () => {} };
  const printer = new Printer({ stdout: silent, stderr: silent }, { json: false, environment: {} });
  const context = { printer, caller: shop, options: { runtime: "local" } } as unknown as CommandContext;
  const lines = { typed: () => Promise.resolve(0), captured: () => Promise.reject(new Error("nothing is run")) };
  const made = describeProgram(new Command("lab"), context, lines);
  made.configureOutput({ writeOut: () => {}, writeErr: () => {}, outputError: () => {} });
  for (const command of made.commands) command.action(() => onAction(command));
  return made;
}

async function parse(words: readonly string[]): Promise<{ verb: string; options: object }> {
  let verb = "";
  const parser = program((command) => {
    verb = command.name();
  });
  try {
    await parser.parseAsync(words, { from: "user" });
  } catch (error) {
    // Help was asked for, and shown.
    if ((error as { exitCode?: number }).exitCode !== 0) throw error;
  }
  return { verb, options: parser.opts() };
}
