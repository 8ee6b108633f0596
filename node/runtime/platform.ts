/**
 * Everything that depends on the operating system, in one place, so that each system's branch has a test on every system.
 *
 * Linux is where the project runs every day. macOS and Windows have the prompt, the simulator, the page and local nodes.
 */
export interface Platform {
  /** A socket may be bound to a multicast address, which keeps unicast to that port out. */
  readonly bindsToGroup: boolean;
  /** A folder can be opened and synced, so that its entries are durable. Windows does that with the file. */
  readonly syncsFolders: boolean;
  /** A process can be frozen and woken by signals, and asked to end by one. Windows only knows the end at once. */
  readonly hasSignals: boolean;
  /** Where the list of processes comes from. */
  readonly processTable: "proc" | "ps" | "powershell";
  /** The engine's address when nothing names another. */
  readonly dockerHost: string;
  /** Endings of the file of a command. */
  readonly commandEndings: readonly string[];
  /** Opens a URL in the user's browser; the URL comes behind these words. */
  readonly browser: readonly string[];
}

const UNIX: Platform = {
  bindsToGroup: false,
  syncsFolders: true,
  hasSignals: true,
  processTable: "ps",
  dockerHost: "unix:///var/run/docker.sock",
  commandEndings: [""],
  browser: ["xdg-open"],
};

/** @param name as in `process.platform`; an unknown one is taken for a Unix */
export function platformOf(name: string): Platform {
  switch (name) {
    case "linux":
      return { ...UNIX, bindsToGroup: true, processTable: "proc" };
    case "darwin":
      return { ...UNIX, browser: ["open"] };
    case "win32":
      return {
        bindsToGroup: false,
        syncsFolders: false,
        hasSignals: false,
        processTable: "powershell",
        dockerHost: "npipe:////./pipe/docker_engine",
        commandEndings: [".exe", ".cmd", ".bat"],
        // `start` takes its first word for a title.
        browser: ["cmd", "/c", "start", ""],
      };
    default:
      return UNIX;
  }
}
