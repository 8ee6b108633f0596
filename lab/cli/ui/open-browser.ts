/** Opens an address in this machine's browser. */
import { spawn } from "node:child_process";
import { PLATFORM } from "../../base/this-machine.ts";

/** Its own business from then on. */
export function openBrowser(url: string, onFailure: (why: string) => void): void {
  const [program, ...args] = PLATFORM.browser;
  const child = spawn(program ?? "xdg-open", [...args, url], { detached: true, stdio: "ignore" });
  child.once("error", (error) => onFailure(error.message));
  child.unref();
}
