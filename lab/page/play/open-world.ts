/**
 * Where the world of the page lives: in a worker that runs the page's own script, or, where a browser gives a page from the disk none,
 * in the page. There it is the same world; it only makes the pictures wait.
 */
import type { AskWorld, PlayReport } from "../../play/play-protocol.ts";
import type { Answer, Question } from "./serve-world.ts";

export async function openWorld(): Promise<{ readonly ask: AskWorld; readonly place: "worker" | "page" }> {
  const worker = await startWorker().catch(() => null);
  if (worker !== null) return { ask: askWorker(worker), place: "worker" };
  const { hostWorld } = await import("./serve-world.ts");
  return { ask: hostWorld(), place: "page" };
}

/** @throws where there are no workers, or this page may have none */
async function startWorker(): Promise<Worker> {
  const script = document.getElementById("program")?.textContent ?? "";
  const address = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  try {
    const worker = new Worker(address);
    // It says that it was read by failing, or by answering.
    await new Promise<void>((resolve, reject) => {
      worker.onerror = () => reject(new Error("the worker doesn't start"));
      worker.onmessage = () => resolve();
      worker.postMessage({ number: 0, asked: { ask: "hash" } } satisfies Question);
    });
    return worker;
  } finally {
    URL.revokeObjectURL(address);
  }
}

function askWorker(worker: Worker): AskWorld {
  const waiting = new Map<number, { resolve: (report: PlayReport) => void; reject: (error: Error) => void }>();
  let count = 0;
  worker.onmessage = ({ data }: MessageEvent<Answer>) => {
    const asker = waiting.get(data.number);
    waiting.delete(data.number);
    if ("report" in data) asker?.resolve(data.report);
    else asker?.reject(new Error(data.error));
  };
  return (asked) =>
    new Promise((resolve, reject) => {
      waiting.set(++count, { resolve, reject });
      worker.postMessage({ number: count, asked } satisfies Question);
    });
}
