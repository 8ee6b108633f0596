// The rooms of the project: what each is for, and in which order they lie. The layering test checks the order against all imports, and
// the architecture picture (compose/scenarios/pictures/architecture.svg) shows it.

export interface Room {
  readonly name: string;
  /** At most six words: they stand in the picture. */
  readonly purpose: string;
}

/**
 * The rooms of lab/ from the ground floor up: a room imports from rooms below it only. `page` stands above `dash` because the browser's
 * side of the connection (`dash/client.ts`, `dash/protocol.ts`) is shared by both ends.
 */
export const LAB_ROOMS: readonly Room[] = [
  { name: "base", purpose: "errors, durations, YAML files" },
  { name: "control", purpose: "ask one node" },
  { name: "journal", purpose: "what happened, line by line" },
  { name: "check", purpose: "one promise a file" },
  { name: "export", purpose: "one format a file" },
  { name: "sim", purpose: "virtual time, network, disks" },
  { name: "kind", purpose: "programs that nodes run" },
  { name: "engine", purpose: "Docker, local, simulated nodes" },
  { name: "faults", purpose: "request, compile, apply, verify" },
  { name: "cluster", purpose: "the use cases of a lab" },
  { name: "scenario", purpose: "experiments in a file" },
  { name: "chaos", purpose: "faults from a seed" },
  { name: "dash", purpose: "server of the page" },
  { name: "play", purpose: "a simulated lab by hand" },
  { name: "page", purpose: "the browser's page" },
  { name: "report", purpose: "a run as a folder" },
  { name: "library", purpose: "for programs and tests" },
  { name: "cli", purpose: "commands and their output" },
];

export const NODE_ROOMS: readonly Room[] = [
  { name: "wire", purpose: "message and control formats" },
  { name: "core", purpose: "the protocol as pure functions" },
  { name: "runtime", purpose: "sockets, clock, disk, prompt" },
];
