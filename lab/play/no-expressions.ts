/** Stands for the package `jsonata` in the playground's bundle, at a tenth of the page: the simulator refuses programs before. */
// biome-ignore lint/style/noDefaultExport: the package has one
export default function parse(): never {
  throw new Error("there are no programs of one's own in a browser");
}
