// `lab export kubernetes`: manifests that the published schemas accept, whose pods find each other by name, and whose command works in a shell.
import { execFile } from "node:child_process";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { IStatefulSet } from "kubernetes-models/apps/v1";
import { StatefulSet } from "kubernetes-models/apps/v1/StatefulSet";
import { Secret } from "kubernetes-models/v1/Secret";
import { Service } from "kubernetes-models/v1/Service";
import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { LabError } from "../../lab/base/lab-error.ts";
import { renderKubernetes } from "../../lab/cluster/kubernetes.ts";
import { parseLabConfig } from "../../lab/cluster/lab-file.ts";
import { planLab } from "../../lab/cluster/plan-lab.ts";

const SECRETS = { run: "shop-1", token: "t0ken", keys: "1:a2V5cw==" };
const MODELS = { Secret, Service, StatefulSet };

type Kind = keyof typeof MODELS;

function render(lab: string, name = "shop") {
  const { nodes = 5, env, limits } = parseLabConfig(lab, "lab.yaml");
  const request = { name, profile: "fast", nodes, env, limits, voters: null };
  return renderKubernetes(planLab(request, "docker", SECRETS), "registry/node:1");
}

const manifestsOf = (text: string): { kind: Kind }[] => parseAllDocuments(text).map((document) => document.toJSON());
const setsOf = (text: string): IStatefulSet[] =>
  manifestsOf(text).filter(({ kind }) => kind === "StatefulSet") as never;
const containerOf = (set: IStatefulSet | undefined) => set?.spec?.template.spec?.containers[0];
const variablesOf = (set: IStatefulSet | undefined): Record<string, string | undefined> =>
  Object.fromEntries((containerOf(set)?.env ?? []).map(({ name, value }) => [name, value]));

describe("manifests for Kubernetes", () => {
  it.each(["nodes: 5", "nodes: { 1: { credits: 500 }, 2: {}, 7: { env: { DS_LOG_LEVEL: DEBUG } } }", "nodes: 60"])(
    "must be valid by the published schemas: %s",
    (lab) => {
      for (const manifest of manifestsOf(render(lab))) new MODELS[manifest.kind](manifest as never).validate();
    },
  );

  it("must be refused by these schemas when a value is wrong", () => {
    const [set] = setsOf(render("nodes: 3"));
    const wrong = { ...set, spec: { ...set?.spec, replicas: "three" } };
    expect(() => new StatefulSet(wrong as never).validate()).toThrow("replicas");
  });

  it("must give each pod the number of its node, and the others' names", () => {
    const [set, ...others] = setsOf(render("nodes: 3"));
    expect(others).toEqual([]);
    expect(set?.spec).toMatchObject({ replicas: 3, ordinals: { start: 1 }, serviceName: "shop" });
    expect(variablesOf(set)).toMatchObject({
      LAB_PEERS: "1:shop-1.shop 2:shop-2.shop 3:shop-3.shop",
      DS_NODES: "1,2,3",
      DS_VOTERS: "1,2,3",
    });
  });

  it("must make a set for each run of neighbours with the same variables", () => {
    const sets = setsOf(render("nodes: { 1: {}, 2: {}, 3: { credits: 500 }, 7: {} }\nmemory: 256MB"));
    expect(sets.map(({ metadata, spec }) => [metadata?.name, spec?.ordinals?.start, spec?.replicas])).toEqual([
      ["shop-1", 1, 2],
      ["shop-3", 3, 1],
      ["shop-7", 7, 1],
    ]);
    expect(sets.map((set) => variablesOf(set).DS_INITIAL_CREDITS)).toEqual([undefined, "500", undefined]);
    expect(variablesOf(sets[0]).LAB_PEERS).toBe("1:shop-1-1.shop 2:shop-1-2.shop 3:shop-3-3.shop 7:shop-7-7.shop");
    expect(containerOf(sets[0])?.resources?.limits).toEqual({ memory: "256Mi" });
  });

  it("must keep keys and token in the secret alone", () => {
    const text = render("nodes: 3");
    expect(text.split(SECRETS.token)).toHaveLength(2);
    expect(text.split(SECRETS.keys)).toHaveLength(2);
  });

  it("must say that nobody ran it on a cluster", () => {
    expect(render("nodes: 3")).toMatch(/^#.*\n#.*never run it on a cluster/);
  });

  it("must refuse a name that no pod can have", () => {
    expect(() => render("nodes: 3", "my_shop")).toThrow(LabError);
  });

  it("must hand on the addresses of the pods that have one, and wait for the others a little", async () => {
    const folder = await mkdtemp(join(tmpdir(), "kubernetes-"));
    try {
      const [, , script = ""] = containerOf(setsOf(render("nodes: 3"))[0])?.command ?? [];
      const programs = {
        // Node 2 is known at the second look; node 3 never.
        getent: `case $2 in shop-1.shop) ;; shop-2.shop) [ -e ${folder}/looked ] || { touch ${folder}/looked; exit 2; } ;; *) exit 2 ;; esac
echo "10.0.0.\${2#shop-} STREAM $2" | sed 's/\\.shop / /'
echo "10.9.9.9 DGRAM"`,
        sleep: `echo "$1" >>${folder}/slept`,
        entry: 'echo "$DS_PEERS"',
      };
      for (const [name, text] of Object.entries(programs)) {
        await writeFile(join(folder, name), `#!/bin/sh\n${text}\n`);
        await chmod(join(folder, name), 0o755);
      }
      const env = { PATH: `${folder}:${process.env.PATH}`, LAB_PEERS: "1:shop-1.shop 2:shop-2.shop 3:shop-3.shop" };
      const command = script.replace("/app/entrypoint.sh", join(folder, "entry"));
      const { stdout } = await promisify(execFile)("/bin/sh", ["-c", command], { env });
      expect(stdout).toBe("1:10.0.0.1,2:10.0.0.2\n");
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
