/**
 * One node as testcontainers has its modules: `new EnergyNodeContainer().withNodeId(3).withNetwork(network).start()`.
 *
 * The image is the package's own, built on the first start. Token and keys are copied into the container as files, since everybody who may
 * inspect it sees its environment. It is ready when its journal says so: the image's health check looks every 15 s only, and wait
 * strategies can't see UDP ports. Nodes must not be given network aliases: testcontainers then connects a second network, and multicast
 * leaves by the wrong one.
 */

import { randomBytes } from "node:crypto";
import {
  AbstractStartedContainer,
  GenericContainer,
  getContainerRuntimeClient,
  ImageName,
  type StartedTestContainer,
  Wait,
} from "testcontainers";
import type { NodeId } from "../../node/wire/ids.ts";
import type { ProfileName } from "../../node/wire/profile.ts";
import { LabError } from "../base/lab-error.ts";
import { readFrames } from "../engine/docker/docker-stream.ts";
import type { JournalDetail } from "../journal/detail.ts";
import { type Entry, parseEntry } from "../journal/entry.ts";
import { NodeControl } from "./node-control.ts";
import { ensureNodeImage } from "./node-image.ts";

const PORT_BASE = 6_000;
const SECRETS = "/run/secrets";
const STARTUP_MS = 60_000;

export class EnergyNodeContainer extends GenericContainer {
  readonly #isOwnImage: boolean;
  #id: NodeId = 1;
  #token = randomBytes(32).toString("hex");
  #keys: string | null = null;

  /** @param image one that was built already; default: the package's own, built when it is first needed */
  constructor(image?: string) {
    super(image ?? "energy-lab-node");
    this.#isOwnImage = image === undefined;
    this.withProfile("fast").withJournal("wire").withStartupTimeout(STARTUP_MS);
  }

  /** Its number, 1 to 65535, which is also its priority in elections. Default: 1. */
  withNodeId(id: NodeId): this {
    this.#id = id;
    return this;
  }

  /** Timing. Default: `fast`. */
  withProfile(profile: ProfileName): this {
    return this.withEnvironment({ DS_PROFILE: profile });
  }

  /** How much it writes down. Default: `wire`, every message. */
  withJournal(detail: JournalDetail): this {
    return this.withEnvironment({
      DS_LOG_LEVEL: detail === "events" ? "INFO" : "DEBUG",
      DS_JOURNAL: detail === "wire" ? "wire" : "events",
    });
  }

  /** Ids of all nodes that are expected, itself included: they are waited for a moment before one stands for election alone. */
  withPeers(...ids: readonly NodeId[]): this {
    return this.withEnvironment({ DS_NODES: ids.join(",") });
  }

  /** Ids whose majority elects; the same on all nodes. Without them every coordinator is provisional. */
  withVoters(...ids: readonly NodeId[]): this {
    return this.withEnvironment({ DS_VOTERS: ids.join(",") });
  }

  /** Of a new account. Default: 100. */
  withCredits(credits: number): this {
    return this.withEnvironment({ DS_INITIAL_CREDITS: String(credits) });
  }

  /** Cluster keys, `id:base64` joined by commas; the same on all nodes. Default: the public key. */
  withKeys(keys: string): this {
    this.#keys = keys;
    return this;
  }

  /** Token that lets its holder command the node. Default: a random one that `control()` knows. */
  withControlToken(token: string): this {
    this.#token = token;
    return this;
  }

  override async start(): Promise<StartedEnergyNode> {
    if (this.networkAliases.length > 0) {
      throw new LabError(
        "usage",
        "a node with network aliases gets two interfaces, and multicast leaves by the wrong one",
        "leave out withNetworkAliases",
      );
    }
    if (this.#isOwnImage) {
      this.imageName = ImageName.fromString(await ensureNodeImage());
      this.createOpts.Image = this.imageName.string;
    }
    const port = PORT_BASE + this.#id;
    this.withCommand([String(this.#id)]).withExposedPorts(`${port}/udp`);
    this.#addSecrets();
    if (this.waitStrategy === undefined) this.withWaitStrategy(Wait.forLogMessage(/"phase":"READY"/));
    return new StartedEnergyNode(await super.start(), this.#id, this.#token);
  }

  /** Files of root that the node, which is another user, can read; a process in the container can talk to the node anyway. */
  #addSecrets(): void {
    const files = { token: this.#token, ...(this.#keys === null ? {} : { keys: this.#keys }) };
    this.withCopyContentToContainer(
      Object.entries(files).map(([name, text]) => ({
        content: `${text}\n`,
        target: `${SECRETS}/${name}`,
        mode: 0o444,
      })),
    );
    this.withEnvironment({
      DS_CONTROL_TOKEN_FILE: `${SECRETS}/token`,
      ...(this.#keys === null ? {} : { DS_KEYS_FILE: `${SECRETS}/keys` }),
    });
  }
}

export class StartedEnergyNode extends AbstractStartedContainer {
  readonly id: NodeId;
  readonly #token: string;
  #control: { readonly address: string; readonly channel: NodeControl } | null = null;

  /** @internal */
  constructor(container: StartedTestContainer, id: NodeId, token: string) {
    super(container);
    this.id = id;
    this.#token = token;
  }

  /** Commands and questions to the node. */
  control(): NodeControl {
    const host = this.getHost() === "localhost" ? "127.0.0.1" : this.getHost();
    // A restart publishes another port.
    const address = `${host}:${this.getMappedPort(PORT_BASE + this.id, "udp")}`;
    if (this.#control?.address !== address) {
      void this.#control?.channel.close();
      this.#control = { address, channel: new NodeControl(this.#token, { node: this.id, address }) };
    }
    return this.#control.channel;
  }

  /** Its journal until now, over all its lives, in its own order. */
  async journal(): Promise<readonly Entry[]> {
    return (await this.logLines()).map(parseEntry).filter((entry) => entry !== null);
  }

  /** The same as text, the last words of crashes included. */
  async logLines(): Promise<readonly string[]> {
    const container = await this.#inner();
    const options = { follow: false, stdout: true, stderr: true } as const;
    const frames = readFrames(toChunks(await container.logs(options)));
    const parts = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
    for await (const { stream, payload } of frames) parts[stream].push(Buffer.from(payload));
    return [parts.stdout, parts.stderr].flatMap((chunks) =>
      Buffer.concat(chunks)
        .toString()
        .split("\n")
        .filter((line) => line !== ""),
    );
  }

  /** Ends it at once, as a power cut would. `restart()` brings it back with its ledger. */
  async kill(): Promise<void> {
    const container = await this.#inner();
    await container.kill();
    await container.wait({ condition: "not-running" });
  }

  /** Freezes it: it neither sends nor receives, and doesn't know it. */
  async pause(): Promise<void> {
    await (await this.#inner()).pause();
  }

  async resume(): Promise<void> {
    await (await this.#inner()).unpause();
  }

  protected override async containerStopping(): Promise<void> {
    await this.#control?.channel.close();
    this.#control = null;
  }

  async #inner() {
    const client = await getContainerRuntimeClient();
    return client.container.getById(this.getId());
  }
}

async function* toChunks(log: Buffer | NodeJS.ReadableStream): AsyncGenerator<Buffer | string> {
  if (Buffer.isBuffer(log)) yield log;
  else yield* log;
}
