/** What a terminal does to a whole job: Ctrl-Z, and a Ctrl-C that reaches one process by two ways. */

/** A signal that comes sooner after another is the same one, by way of npx, the shell or `lab`: a person who presses twice takes longer. */
export const ONE_SIGNAL_MS = 150;

/** Stops the whole job, not only this process: the shell waits for npx, which would never notice. */
export function stopJob(onContinue: () => void): void {
  process.once("SIGCONT", onContinue);
  process.kill(0, "SIGTSTP");
}
