/** Calls the default export of a user's module in a worker, which is ended when it takes too long. */
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";

const RUNNER = `
import { parentPort, workerData } from "node:worker_threads";
const { url, input, how } = workerData;
const { default: call } = await import(url);
const one = (value) => { try { return call(value) ?? null; } catch { return null; } };
parentPort.postMessage(how === "each" ? await Promise.all(input.map(one)) : await call(input));
`;

/** @param how `each`: once for each item of the list; one that fails gives null. @throws Error that says why there is no answer */
export async function callModule(path: string, input: unknown, msMax: number, how: "once" | "each"): Promise<unknown> {
  const runner = new URL(`data:text/javascript,${encodeURIComponent(RUNNER)}`);
  const worker = new Worker(runner, { workerData: { url: pathToFileURL(path).href, input, how } });
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  worker.once("message", resolve);
  worker.once("error", reject);
  worker.once("exit", () => reject(new Error("it ended without an answer")));
  const timer = setTimeout(() => reject(new Error(`it took more than ${msMax / 1000} s`)), msMax);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}
