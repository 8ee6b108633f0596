// biome-ignore-all lint/performance/noBarrelFile: what `import … from "energy-lab/testcontainers"` gives has to be said in one place.
/** The package's entry for testcontainers, which the user installs beside it. */

export { LabError } from "../base/lab-error.ts";
export type { Agreement } from "../cluster/judge-agreement.ts";
export { type ClusterWait, EnergyCluster, StartedEnergyCluster } from "./energy-cluster.ts";
export { EnergyNodeContainer, StartedEnergyNode } from "./energy-node.ts";
export { NodeControl } from "./node-control.ts";
export { ensureNodeImage } from "./node-image.ts";
