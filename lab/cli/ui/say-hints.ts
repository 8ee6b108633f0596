/** Prints hints: each on a line, its command never broken, so that it can be copied. */
import { type Caller, type Hints, renderCommand, renderHint, toHints } from "../../base/hint.ts";
import type { Printer } from "./printer.ts";

export function sayHints(printer: Printer, hints: Hints, caller: Caller, indent = ""): void {
  for (const hint of toHints(hints)) {
    const line = `${indent}${renderHint(hint, caller)}`;
    if (hint.command.length === 0) printer.say(line);
    else if (hint.text === "" || printer.fits(line)) printer.sayUnbroken(line);
    else {
      printer.say(`${indent}${hint.text}:`);
      printer.sayUnbroken(`${indent}  ${renderCommand(hint, caller)}`);
    }
  }
}
