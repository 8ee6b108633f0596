/** From the field `node:` of a file to the program: what it says itself, or what the lab file says that it names. */
import { dirname, join } from "node:path";
import { LabError } from "../base/lab-error.ts";
import type { Program, ProgramFields } from "../kind/program-spec.ts";
import { readProgram } from "../kind/read-program.ts";
import { loadLabConfig } from "./lab-file.ts";

/**
 * @param file that holds the field
 * @param isReplaced somebody else's folder takes the place of the one that it builds, which needn't be there
 * @throws LabError("usage") that names the file, or what of it can't be read
 */
export async function loadProgram(node: ProgramFields | string, file: string, isReplaced = false): Promise<Program> {
  const read = (fields: ProgramFields, folder: string): Promise<Program> => {
    const { build: _build, ...rest } = fields;
    return readProgram(isReplaced ? rest : fields, folder);
  };
  if (typeof node !== "string") return await read(node, dirname(file));
  const path = join(dirname(file), node);
  const { node: named } = await loadLabConfig(path);
  if (named === undefined || typeof named === "string") {
    throw new LabError("usage", `${path} describes no program`, "name a lab file with the field node:");
  }
  return await read(named, dirname(path));
}
