/**
 * Runs `run` in a later turn of the event loop, when all promises that are settled have had their say. A timer would do, but browsers
 * make each of a row of timers wait for 4 ms.
 */
export const nextTurn: (run: () => void) => void =
  typeof setImmediate === "function" ? (run) => void setImmediate(run) : openChannel();

function openChannel(): (run: () => void) => void {
  const waiting: (() => void)[] = [];
  const { port1, port2 } = new MessageChannel();
  port1.addEventListener("message", () => waiting.shift()?.());
  port1.start();
  return (run) => {
    waiting.push(run);
    port2.postMessage(null);
  };
}
