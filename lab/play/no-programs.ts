/** Stands for lab/cluster/program-kind.ts in the playground's bundle, which would be a third larger: the simulator refuses programs before. */
export function kindOfProgram(): never {
  throw new Error("there are no programs of one's own in a browser");
}
