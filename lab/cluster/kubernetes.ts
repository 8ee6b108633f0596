/**
 * A lab as manifests for Kubernetes: a StatefulSet for each run of neighbouring ids with the same variables, a headless service that gives its
 * pods names, and the keys and the token as a secret.
 *
 * Pods hear no multicast: each is told the others' names (DS_PEERS). A name has an address only while its pod has one, and a node refuses a
 * name without; so the pod's shell waits a little for all of them, and hands on those that it found. An id is the pod's number, which is
 * why a set begins at the lowest id of its run (Kubernetes 1.27 has `ordinals.start`, 1.28 the label with the pod's number).
 *
 * Pure. The project has no cluster to run this on: the published schemas check it, and a test runs the pods' command in a shell.
 */
import type { IStatefulSet } from "kubernetes-models/apps/v1";
import type { IContainer, IPersistentVolumeClaimSpec, ISecret, IService } from "kubernetes-models/v1";
import { stringify } from "yaml";
import { LabError } from "../base/lab-error.ts";
import type { LabSpec, NodeSpec } from "../engine/engine.ts";
import type { LabPlan } from "./plan-lab.ts";

const MEMORY_BYTES = 1024 ** 3;
/** The group of the node's process, which may read the secrets and write the ledger. */
const NODE_GROUP = 1000;
const SECRETS = "/run/secrets/lab";
const CAPABILITIES = ["NET_ADMIN", "CHOWN", "DAC_OVERRIDE", "FOWNER", "SETUID", "SETGID", "SETPCAP"];

/** Addresses of the pods whose names are known within 30 s; then the image's own entry point. */
const COMMAND = `
peers=
tries=60
for peer in $LAB_PEERS; do
  until address=$(getent ahostsv4 "\${peer#*:}") && [ -n "$address" ]; do
    [ "$tries" -gt 0 ] || break
    tries=$((tries - 1))
    sleep 0.5
  done
  [ -z "$address" ] || peers="$peers,\${peer%%:*}:\${address%% *}"
done
export DS_PEERS="\${peers#,}"
exec /bin/sh /app/entrypoint.sh
`.trimStart();

/**
 * @param image as the cluster's hosts name it
 * @returns YAML with the lab's keys and token in it
 * @throws LabError("usage") for a name that no pod can have; LabError("unsupported") for a program that isn't ours
 */
export function renderKubernetes({ spec, nodes }: LabPlan, image: string): string {
  if (spec.program != null) {
    const message = "only our own nodes can be exported, and this lab names a program";
    throw new LabError("unsupported", message, "leave `node:` out of the file");
  }
  if (spec.name.includes("_"))
    throw new LabError("usage", `Kubernetes allows no "_" in a name: ${spec.name}`, "choose another --name");
  const sets = groupNodes(nodes).map((group, _, all) => ({
    name: all.length === 1 ? spec.name : `${spec.name}-${group[0]?.id}`,
    group,
  }));
  const peers = sets.flatMap(({ name, group }) => group.map(({ id }) => `${id}:${name}-${id}.${spec.name}`));
  const manifests: readonly (ISecret | IService | IStatefulSet)[] = [
    secretOf(spec),
    serviceOf(spec),
    ...sets.map(({ name, group }) => setOf(spec, name, group, { image, peers })),
  ];
  const first = sets[0]?.name ?? spec.name;
  const at = `kubectl exec ${first}-${nodes[0]?.id} -- node /app/node.js control`;
  return [
    `# The lab "${spec.name}": ${nodes.length} nodes for Kubernetes 1.28 or newer, made from a lab file.`,
    "# Its authors have checked it against the published schemas, and never run it on a cluster. Try it first:",
    "#   kubectl apply --dry-run=server -f FILE",
    `# The cluster must be able to pull the image ${image}.`,
    `# Then: ${at} status`,
    "# It holds the nodes' keys and the control token: treat it as a password.",
    ...manifests.map(
      (manifest) => `---\n${stringify(manifest, { lineWidth: 0, aliasDuplicateObjects: false }).trimEnd()}`,
    ),
    "",
  ].join("\n");
}

/** Neighbouring ids with the same variables. */
function groupNodes(nodes: readonly NodeSpec[]): readonly (readonly NodeSpec[])[] {
  const groups: NodeSpec[][] = [];
  for (const node of nodes) {
    const group = groups.at(-1);
    const last = group?.at(-1);
    const isNext = last?.id === node.id - 1 && JSON.stringify(last.env) === JSON.stringify(node.env);
    if (group !== undefined && isNext) group.push(node);
    else groups.push([node]);
  }
  return groups;
}

function labelsOf({ name }: LabSpec): Record<string, string> {
  return { "app.kubernetes.io/name": "energy-lab", "app.kubernetes.io/instance": name };
}

function secretOf(spec: LabSpec): ISecret {
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: spec.name, labels: labelsOf(spec) },
    stringData: { keys: spec.keys, token: spec.token },
  };
}

function serviceOf(spec: LabSpec): IService {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: spec.name, labels: labelsOf(spec) },
    // Nodes look for each other before they are ready.
    spec: { clusterIP: "None", publishNotReadyAddresses: true, selector: labelsOf(spec) },
  };
}

interface Naming {
  readonly image: string;
  /** `id:name` of all pods. */
  readonly peers: readonly string[];
}

function setOf(spec: LabSpec, name: string, group: readonly NodeSpec[], naming: Naming): IStatefulSet {
  const labels = { ...labelsOf(spec), "energy-lab.set": name };
  const spread = { maxSkew: 1, topologyKey: "kubernetes.io/hostname", whenUnsatisfiable: "ScheduleAnyway" } as const;
  const claim: IPersistentVolumeClaimSpec = {
    accessModes: ["ReadWriteOnce"],
    resources: { requests: { storage: "256Mi" } },
  };
  return {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: { name, labels },
    spec: {
      serviceName: spec.name,
      replicas: group.length,
      ordinals: { start: group[0]?.id ?? 1 },
      podManagementPolicy: "Parallel",
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          automountServiceAccountToken: false,
          terminationGracePeriodSeconds: 5,
          securityContext: { fsGroup: NODE_GROUP },
          topologySpreadConstraints: [{ ...spread, labelSelector: { matchLabels: labelsOf(spec) } }],
          containers: [containerOf(spec, group[0]?.env ?? {}, naming)],
          volumes: [{ name: "secrets", secret: { secretName: spec.name, defaultMode: 0o440 } }],
        },
      },
      volumeClaimTemplates: [
        { apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: { name: "data" }, spec: claim },
      ],
    },
  };
}

function containerOf(spec: LabSpec, own: NodeSpec["env"], { image, peers }: Naming): IContainer {
  const memoryBytes = spec.limits?.memoryBytes ?? MEMORY_BYTES;
  const field = (fieldPath: string) => ({ valueFrom: { fieldRef: { fieldPath } } });
  const variables: Readonly<Record<string, string>> = {
    DS_NODES: spec.nodes.join(","),
    DS_VOTERS: spec.voters.join(","),
    DS_PROFILE: spec.profile,
    DS_RUN: spec.run,
    DS_DATA_DIR: "/data",
    DS_READY_FILE: "/run/lab/ready",
    DS_KEYS_FILE: `${SECRETS}/keys`,
    DS_CONTROL_TOKEN_FILE: `${SECRETS}/token`,
    LAB_PEERS: peers.join(" "),
    ...spec.env,
    ...own,
  };
  return {
    name: "node",
    image,
    command: ["/bin/sh", "-c", COMMAND],
    env: [
      { name: "DS_NODE_ID", ...field("metadata.labels['apps.kubernetes.io/pod-index']") },
      { name: "DS_HOST", ...field("status.podIP") },
      ...Object.entries(variables).map(([name, value]) => ({ name, value })),
    ],
    readinessProbe: { exec: { command: ["test", "-f", "/run/lab/ready"] }, periodSeconds: 2 },
    resources: {
      requests: { cpu: "50m", memory: "64Mi" },
      limits: { memory: `${Math.floor(memoryBytes / 1024 ** 2)}Mi` },
    },
    // The entry point sets faults up, and gives all of this away before it becomes the node.
    securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"], add: CAPABILITIES } },
    volumeMounts: [
      { name: "data", mountPath: "/data" },
      { name: "secrets", mountPath: SECRETS, readOnly: true },
    ],
  };
}
