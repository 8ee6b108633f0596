/**
 * Everything that `lab doctor` looks at: this program, both runtimes, and what was left behind.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { LabError } from "../base/lab-error.ts";
import { NEXT } from "../base/next.ts";
import { findOnPath, isSameFile } from "../base/this-machine.ts";
import type { Finding, Progress, RuntimeName } from "../engine/engine.ts";
import { projectRoot } from "../engine/node-bundle.ts";
import { findGarbage } from "./inventory.ts";
import { isAbsent, openEngine, type RuntimeChoice } from "./open-engine.ts";

export async function examine(choice: RuntimeChoice, progress: Progress): Promise<readonly Finding[]> {
  const findings: Finding[] = [checkNode(), checkCommand(process.env.PATH ?? "", process.argv[1] ?? ""), checkBundle()];
  for (const runtime of choice === "auto" ? (["docker", "swarm", "local"] as const) : [choice]) {
    progress({ step: "doctor", state: "start", detail: runtime });
    findings.push(...(await examineRuntime(runtime, choice)));
  }
  findings.push(await checkLeftovers(choice));
  progress({ step: "doctor", state: "done" });
  return findings;
}

function checkNode(): Finding {
  return {
    check: "Node",
    level: "ok",
    found: `${process.versions.node} on ${process.platform} ${process.arch}`,
    consequence: "",
    cure: "",
  };
}

/** Which program the word `lab` starts. */
export function checkCommand(path: string, script: string): Finding {
  const found = findOnPath("lab", path);
  if (found === null)
    return {
      ...{ check: "command", level: "info", found: "`lab` isn't on the PATH" },
      consequence: "it is called `npx lab` in the project's folder",
      cure: "",
    };
  if (isSameFile(found, script)) return { check: "command", level: "ok", found, consequence: "", cure: "" };
  return {
    ...{ check: "command", level: "warn", found: `${found} is another program named \`lab\`` },
    consequence: "`lab` alone starts that one",
    cure: "call this one `npx lab` in the project's folder, or `energy-lab` where the package is installed",
  };
}

function checkBundle(): Finding {
  const bundle = join(projectRoot(), "dist", "node.js");
  if (existsSync(bundle)) return { check: "node bundle", level: "ok", found: bundle, consequence: "", cure: "" };
  return {
    check: "node bundle",
    level: "info",
    found: `${bundle} isn't there`,
    consequence: "`lab up` makes it first",
    cure: "npm run build",
  };
}

async function examineRuntime(runtime: RuntimeName, choice: RuntimeChoice): Promise<readonly Finding[]> {
  try {
    await using engine = await openEngine(runtime);
    const { detail } = await engine.check();
    return [{ check: runtime, level: "ok", found: detail, consequence: "", cure: "" }, ...(await engine.doctor())];
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    if (runtime === "swarm" && choice === "auto") return [];
    const isOptional = runtime === "docker" && choice === "auto";
    return [
      {
        check: runtime,
        level: isOptional ? "info" : "fail",
        found: error.message,
        consequence: isOptional
          ? "`lab up` uses local processes; kernel faults (nftables, netem) and cable pulls need Docker"
          : "it can't be used",
        cure: error.hints,
        isUnreachable: error.exit === "engineUnreachable" && !(await isAbsent(error, runtime)),
      },
    ];
  }
}

async function checkLeftovers(choice: RuntimeChoice): Promise<Finding> {
  const { garbage } = await findGarbage(choice);
  if (garbage.length === 0) return { check: "leftovers", level: "ok", found: "none", consequence: "", cure: "" };
  return {
    check: "leftovers",
    level: "warn",
    found: garbage.map((item) => `${item.kind} ${item.id}`).join(", "),
    consequence: "they take memory, disk and addresses",
    cure: NEXT.collectGarbage(),
  };
}
