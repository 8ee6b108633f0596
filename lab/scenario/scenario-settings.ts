/** `--set field=value`: another value for a field of a scenario's header, by the same rules as in the file. */
import { parse } from "yaml";
import { LabError } from "../base/lab-error.ts";
import { didYouMean } from "../base/suggest.ts";
import { LAB_FIELDS } from "../cluster/lab-fields.ts";
import { Scenario } from "./scenario-schema.ts";

const FIELDS = [...Object.keys(LAB_FIELDS).filter((name) => name !== "env"), ...["seed", "wire", "checks", "runtimes"]];

/** Throws LabError("usage") for what can't be set so. */
export function applySettings(scenario: Scenario, settings: readonly string[]): Scenario {
  return settings.reduce(applySetting, scenario);
}

function applySetting(scenario: Scenario, setting: string): Scenario {
  const [, field = "", text = ""] = /^([\w.]+)=([\s\S]+)$/.exec(setting) ?? [];
  const variable = /^env\.(\w+)$/.exec(field)?.[1];
  if (variable === undefined && !FIELDS.includes(field)) {
    const known = `fields are: ${FIELDS.join(", ")}, env.DS_…`;
    throw new LabError("usage", `--set ${setting}: there is no such field`, didYouMean(field, FIELDS, known));
  }
  const value: unknown = parse(text);
  const changed =
    variable === undefined
      ? { ...scenario, [field]: value }
      : { ...scenario, env: { ...scenario.env, [variable]: value } };
  const parsed = Scenario.safeParse(changed);
  if (parsed.success) return { ...parsed.data, name: parsed.data.name ?? scenario.name };
  throw new LabError(
    "usage",
    `--set ${setting}: ${parsed.error.issues[0]?.message ?? "can't be"}`,
    "write it as in the file: nodes=7",
  );
}
