/** Stops the whole job, not only this process: the shell waits for npx, which would never notice. */
export function stopJob(onContinue: () => void): void {
  process.once("SIGCONT", onContinue);
  process.kill(0, "SIGTSTP");
}
