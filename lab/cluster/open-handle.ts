/** Finds a lab that exists. */
import { LabHandle, type LabOptions } from "./lab-handle.ts";
import { findLab, type RuntimeChoice } from "./open-engine.ts";

/** Looks in the local runtime and in Docker, unless one is named. @throws LabError("notFound") */
export async function openHandle(
  name: string,
  options: LabOptions & { readonly runtime?: RuntimeChoice } = {},
): Promise<LabHandle> {
  const { engine, info } = await findLab(name, options.runtime ?? "auto");
  const lab = new LabHandle(engine, info, options);
  await lab.noteDeaths();
  return lab;
}
