/** The nodes' variables, looked at before any node gets them: one that is misspelt would be ignored, one that can't be would end every node. */
import { OperatorError } from "../../node/runtime/errors.ts";
import { readSettings, SETTING_NAMES, unknownSettings } from "../../node/runtime/settings.ts";
import { LabError } from "../base/lab-error.ts";
import { didYouMean } from "../base/suggest.ts";
import type { LabPlan } from "./plan-lab.ts";

/** @throws LabError("usage") that names the variable */
export function assertVariables({ spec, nodes }: LabPlan): void {
  for (const env of [spec.env, ...nodes.map((node) => node.env)]) {
    const [unknown] = unknownSettings(env);
    if (unknown !== undefined) {
      const hint = didYouMean(unknown, SETTING_NAMES, "node/README.md lists them");
      throw new LabError("usage", `there is no variable ${unknown}`, hint);
    }
    try {
      readSettings(env);
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      throw new LabError("usage", error.message, error.hint, { cause: error });
    }
  }
}
