// Help fits the terminal that is there.
import { Command } from "commander";
import { describe, expect, test } from "vitest";
import type { CommandContext } from "../../lab/cli/commands/context.ts";
import { describeProgram } from "../../lab/cli/program.ts";
import { Printer } from "../../lab/cli/ui/printer.ts";
import { wrap } from "../../lab/cli/ui/wrap.ts";

describe.each([80, 120])("help on %i columns", (width) => {
  const texts = renderAll(width);

  test("must be there for every command", () => {
    expect(texts.size).toBeGreaterThan(35);
  });

  test("must have no line that is wider", () => {
    const wide = [...texts].flatMap(([name, text]) =>
      text.split("\n").flatMap((line) => (line.length > width ? [`${name}: ${line}`] : [])),
    );
    expect(wide).toEqual([]);
  });
});

test("a line without a terminal must stay a line", () => {
  expect(wrap("one two three four five six seven eight", undefined)).toBe("one two three four five six seven eight");
});

test("a line that is wrapped must keep its indentation, and words longer than the terminal", () => {
  expect(wrap("  one two three four five six\nseven", 24)).toBe("  one two three four\n    five six\nseven");
  expect(wrap(`a ${"x".repeat(30)} b`, 24)).toBe(`a\n  ${"x".repeat(30)}\n  b`);
});

/** The help of every command that is shown, and of `lab` itself. */
function renderAll(width: number): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  const silent = { write: () => {} };
  const printer = new Printer({ stdout: silent, stderr: silent }, { json: false, environment: {} });
  const caller = { prefix: "lab", lab: "lab", standardLab: "lab", runtime: null };
  const context = { printer, caller, options: { runtime: "auto" } } as unknown as CommandContext;
  const nothing = () => Promise.reject(new Error("nothing is run"));
  const program = describeProgram(new Command("lab"), context, { typed: nothing, captured: nothing });
  for (const command of [program, ...program.commands]) {
    let text = "";
    command.configureOutput({
      getOutHelpWidth: () => width,
      writeOut: (part) => {
        text += part;
      },
    });
    command.outputHelp();
    texts.set(command.name(), text);
  }
  return texts;
}
