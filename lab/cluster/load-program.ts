/** From the field `node:` of a file to the program: what it says itself, or what the lab file says that it names. */
import { dirname, join } from "node:path";
import { LabError } from "../base/lab-error.ts";
import type { Program, ProgramFields } from "../kind/program-spec.ts";
import { readProgram } from "../kind/read-program.ts";
import { loadLabConfig } from "./lab-file.ts";

/**
 * @param file that holds the field
 * @throws LabError("usage") that names the file, or what of it can't be read
 */
export async function loadProgram(node: ProgramFields | string, file: string): Promise<Program> {
  if (typeof node !== "string") return await readProgram(node, dirname(file));
  const path = join(dirname(file), node);
  const { node: named } = await loadLabConfig(path);
  if (named === undefined || typeof named === "string") {
    throw new LabError("usage", `${path} describes no program`, "name a lab file with the field node:");
  }
  return await readProgram(named, dirname(path));
}
