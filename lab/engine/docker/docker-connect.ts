/**
 * Which engine, and how to talk to it: DOCKER_HOST, else the current docker context, else the usual socket.
 *
 * dockerode knows nothing of contexts, and its client writes its options, agent and all, into a debug string at every request
 * (with fifty connections in the agent that is a second of CPU). So the connection is opened here, by an agent that doesn't show
 * its inside; TCP, TLS and ssh go the same way: whatever the endpoint, the client believes that it talks to a socket file.
 */

import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { homedir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";
import { inspect } from "node:util";
import Docker from "dockerode";
import { LabError } from "../../base/lab-error.ts";
import { PLATFORM } from "../../base/this-machine.ts";
import { LOCAL_INSTEAD } from "./docker-errors.ts";
import { openSshStream } from "./docker-ssh.ts";

// An import statement would read every export of the module, and one of them loads Node's fetch client: 30 ms at each command.
const { Agent } = process.getBuiltinModule("node:http");

export interface Endpoint {
  /** As a user knows it: `/var/run/docker.sock`, `tcp://…`. */
  readonly host: string;
  /** Context that it came from; null: DOCKER_HOST or none. */
  readonly context: string | null;
  /** Nobody configured it: it is looked for where one usually is. */
  readonly isAssumed: boolean;
  /** On this machine, and we not in a container of it: what it publishes on 127.0.0.1 is reachable. */
  readonly local: boolean;
  readonly open: () => Duplex;
}

export interface Connection extends Disposable {
  readonly docker: Docker;
  readonly endpoint: Endpoint;
}

type Environment = Readonly<Record<string, string | undefined>>;

interface TlsFiles {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  readonly rejectUnauthorized: boolean;
}

const IN_CONTAINER = existsSync("/.dockerenv");

/** Opens nothing yet: the first request does. Throws LabError("engineUnreachable") for an endpoint that makes no sense. */
export async function connectDocker(environment: Environment = process.env): Promise<Connection> {
  const endpoint = await findEndpoint(environment);
  const agent = new EngineAgent(endpoint);
  const options = {
    socketPath: endpoint.host,
    agent,
    protocol: "http" as const,
    // Without these, docker-modem fills in what DOCKER_HOST says, over our head.
    ...({ host: undefined, port: undefined } as object),
  };
  return { docker: new Docker(options), endpoint, [Symbol.dispose]: () => agent.destroy() };
}

async function findEndpoint(environment: Environment): Promise<Endpoint> {
  const configFolder = environment.DOCKER_CONFIG || join(homedir(), ".docker");
  if (environment.DOCKER_HOST) {
    const verify = environment.DOCKER_TLS_VERIFY;
    const tls = verify ? await readTls(environment.DOCKER_CERT_PATH || configFolder, true) : null;
    return parseHost(environment.DOCKER_HOST, null, tls);
  }
  const context = environment.DOCKER_CONTEXT || (await currentContext(configFolder));
  if (context && context !== "default") return readContext(configFolder, context);
  return { ...parseHost(defaultSocket(environment), null, null), isAssumed: true };
}

class EngineAgent extends Agent {
  readonly #endpoint: Endpoint;

  constructor(endpoint: Endpoint) {
    super({ keepAlive: true });
    this.#endpoint = endpoint;
  }

  override createConnection(): Duplex {
    return this.#endpoint.open();
  }

  [inspect.custom](): string {
    return `EngineAgent(${this.#endpoint.host})`;
  }
}

function parseHost(text: string, context: string | null, tls: TlsFiles | null): Endpoint {
  const withScheme = text.startsWith("/") ? `unix://${text}` : text.includes("://") ? text : `tcp://${text}`;
  const [, scheme = "", rest = ""] = /^([a-z]+):\/\/(.*)$/.exec(withScheme) ?? [];
  if ((scheme === "unix" || scheme === "npipe") && rest) {
    return { host: rest, context, isAssumed: false, local: !IN_CONTAINER, open: () => connect({ path: rest }) };
  }
  const url = URL.canParse(withScheme) ? new URL(withScheme) : null;
  if (!url?.hostname) throw badHost(text);
  if (scheme === "ssh") {
    const path = url.pathname === "/" ? "" : decodeURIComponent(url.pathname);
    const target = { host: url.hostname, port: url.port, user: decodeURIComponent(url.username), path };
    return { host: withScheme, context, isAssumed: false, local: false, open: () => openSshStream(target) };
  }
  if (scheme !== "tcp" && scheme !== "http" && scheme !== "https") throw badHost(text);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const onLoopback = host === "localhost" || host === "::1" || host.startsWith("127.");
  const secure = tls !== null || scheme === "https";
  const port = Number(url.port || (secure ? 2376 : 2375));
  const open = secure ? () => connectTls({ host, port, ...tls }) : () => connect({ host, port });
  return { host: withScheme, context, isAssumed: false, local: onLoopback && !IN_CONTAINER, open };
}

function badHost(text: string): LabError {
  return new LabError(
    "engineUnreachable",
    `DOCKER_HOST or the docker context names "${text}", which is no engine's address`,
    ["use unix:///path, tcp://host:port or ssh://user@host", LOCAL_INSTEAD],
  );
}

/** Rootless engines and Docker Desktop have theirs elsewhere, and not always a context that says so. */
function defaultSocket(environment: Environment): string {
  if (!PLATFORM.dockerHost.startsWith("unix://")) return PLATFORM.dockerHost;
  const usual = PLATFORM.dockerHost.slice("unix://".length);
  const others = [
    join(homedir(), ".docker/run/docker.sock"),
    ...(environment.XDG_RUNTIME_DIR ? [join(environment.XDG_RUNTIME_DIR, "docker.sock")] : []),
  ];
  return [usual, ...others].find((path) => existsSync(path)) ?? usual;
}

async function currentContext(configFolder: string): Promise<string | null> {
  const config = await readJson(join(configFolder, "config.json"));
  return typeof config?.currentContext === "string" ? config.currentContext : null;
}

async function readContext(configFolder: string, name: string): Promise<Endpoint> {
  const id = createHash("sha256").update(name).digest("hex");
  const meta = await readJson(join(configFolder, "contexts/meta", id, "meta.json"));
  const endpoints = meta?.Endpoints as { docker?: { Host?: string; SkipTLSVerify?: boolean } } | undefined;
  const host = endpoints?.docker?.Host;
  if (!host) {
    throw new LabError("engineUnreachable", `the docker context "${name}" doesn't exist or names no engine`, [
      "choose one of `docker context ls` with `docker context use`",
      LOCAL_INSTEAD,
    ]);
  }
  const tlsFolder = join(configFolder, "contexts/tls", id, "docker");
  const tls = existsSync(tlsFolder) ? await readTls(tlsFolder, endpoints?.docker?.SkipTLSVerify !== true) : null;
  return parseHost(host, name, tls);
}

async function readTls(folder: string, rejectUnauthorized: boolean): Promise<TlsFiles> {
  const read = (name: string) => readFile(join(folder, name)).catch(() => undefined);
  const [ca, cert, key] = await Promise.all([read("ca.pem"), read("cert.pem"), read("key.pem")]);
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }), rejectUnauthorized };
}

async function readJson(path: string): Promise<Record<string, unknown> | null> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as Record<string, unknown>;
  } catch {
    return null;
  }
}
