/**
 * A report of a run that is over. One that can't be written (a full disk, a path that isn't a folder) must not cost the verdict: what was in the
 * way is an answer too, told after everything else.
 */
import { LabError } from "../base/lab-error.ts";
import type { ScenarioResult } from "../scenario/result.ts";

export interface Written {
  /** Null: it isn't there. */
  readonly path: string | null;
  readonly trouble: LabError | null;
  /** Whether the playground can play it. */
  readonly isPlayable: boolean;
}

/** @param folder null: none is wanted */
export async function writeDown(result: ScenarioResult, tookMs: number, folder: string | null): Promise<Written> {
  if (folder === null) return { path: null, trouble: null, isPlayable: false };
  const [{ describeRun }, { writeReport }] = await Promise.all([
    import("../scenario/record.ts"),
    import("./write-report.ts"),
  ]);
  try {
    const { path, isPlayable } = await writeReport(folder, describeRun(result, tookMs));
    return { path, trouble: null, isPlayable };
  } catch (error) {
    if (error instanceof LabError) return { path: null, trouble: error, isPlayable: false };
    throw error;
  }
}

/** For people; null: none was wanted. */
export function describeWritten({ path, trouble }: Written): string | null {
  if (trouble !== null) return `there is no report: ${trouble.message}\n  ${trouble.hint}`;
  return path === null ? null : `report: ${path}`;
}
