// A stand-in for the node (one small script in the real image, started by the real entry point), so that these tests say what the
// engine does and nothing about the protocol; and labs that are gone after each test, counted.
import { createHash, randomBytes } from "node:crypto";
import { expect } from "vitest";
import { type Connection, connectDocker } from "../../lab/engine/docker/docker-connect.ts";
import { listLabThings } from "../../lab/engine/docker/docker-destroy.ts";
import { DockerEngine } from "../../lab/engine/docker/docker-engine.ts";
import { buildImage, type ImagePlan, planImage } from "../../lab/engine/docker/docker-image.ts";
import { IMAGE_REPOSITORY } from "../../lab/engine/docker/docker-labels.ts";
import type { LabSpec, NodeSpec } from "../../lab/engine/engine.ts";

export const quiet = (): void => {};
export const never = new AbortController().signal;

/** Says hello, echoes what its group hears, answers `control request` as the node does. */
const STAND_IN = `
import { writeFileSync } from "node:fs";
const [command, , request] = process.argv.slice(2);
if (command === "control") {
  console.log(JSON.stringify({ ok: true, data: { echo: JSON.parse(request), uid: process.getuid() } }));
} else {
  console.log("hello from " + process.env.DS_NODE_ID + " at " + process.env.DS_HOST);
  console.error("to stderr");
  if (process.env.DS_SAY) console.log(process.env.DS_SAY.repeat(Number(process.env.DS_SAY_TIMES ?? 1)));
  // Not while the image is built, which runs it once.
  if (process.env.DS_DATA_DIR) writeFileSync(process.env.DS_DATA_DIR + "/starts", "x", { flag: "a" });
  writeFileSync(process.env.DS_READY_FILE, "");
  process.on("SIGTERM", () => { console.log("bye"); process.exit(0); });
  setInterval(() => {}, 1000);
}
`;

let standIn: ImagePlan | null = null;

/** Name of the stand-in's image; opened engines have built it. */
export function standInImage(): string {
  if (standIn === null) throw new Error("openStandInEngine first");
  return standIn.tag;
}

export async function openStandInEngine(): Promise<DockerEngine> {
  standIn ??= await planStandIn();
  using connection = await connectDocker();
  await buildImage(connection.docker, standIn, quiet, never);
  return DockerEngine.open({ ...process.env, LAB_NODE_IMAGE: standIn.tag });
}

async function planStandIn(): Promise<ImagePlan> {
  const real = await planImage(quiet);
  const files = real.files.map((file) =>
    file.path === "dist/node.js" ? { ...file, content: Buffer.from(STAND_IN) } : file,
  );
  const hash = createHash("sha256");
  for (const file of files) hash.update(file.content);
  return { ...real, files, tag: `${IMAGE_REPOSITORY}:stand-in-${hash.digest("hex").slice(0, 8)}` };
}

/** A raw connection, to see and to spoil what the engine adapter made. */
export function openRaw(): Promise<Connection> {
  return connectDocker();
}

export function labSpec(options: Partial<LabSpec> = {}): LabSpec {
  const name = `t-eng-${randomBytes(4).toString("hex")}`;
  return {
    name,
    runtime: "docker",
    run: `${name}-1`,
    profile: "fast",
    voters: [1, 2, 3],
    nodes: [1, 2, 3],
    token: randomBytes(16).toString("hex"),
    keys: "1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    env: { DS_LOG_LEVEL: "INFO" },
    ...options,
  };
}

export function nodeSpecs(...ids: readonly number[]): readonly NodeSpec[] {
  return ids.map((id) => ({ id, env: {} }));
}

/** A lab for one test: taken down when it ends, and nothing of it may be left. */
export class TestLab implements AsyncDisposable {
  readonly engine: DockerEngine;
  readonly spec: LabSpec;

  constructor(engine: DockerEngine, spec: LabSpec = labSpec()) {
    this.engine = engine;
    this.spec = spec;
  }

  static async up(
    engine: DockerEngine,
    ids: readonly number[] = [1, 2, 3],
    options: Partial<LabSpec> = {},
  ): Promise<TestLab> {
    const lab = new TestLab(engine, labSpec({ nodes: ids, ...options }));
    try {
      await engine.createLab(lab.spec, quiet, never);
      await engine.addNodes(lab.spec, nodeSpecs(...ids), quiet, never);
      return lab;
    } catch (error) {
      await engine.destroyLab(lab.spec.name, quiet);
      throw error;
    }
  }

  async node(id: number) {
    const info = await this.engine.lab(this.spec.name);
    const node = info?.nodes.find((other) => other.id === id);
    if (node === undefined) throw new Error(`no node ${id}`);
    return node;
  }

  async things(): Promise<number> {
    using raw = await openRaw();
    return (await listLabThings(raw.docker, this.spec.name)).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.engine.destroyLab(this.spec.name, quiet);
    expect(await this.things()).toBe(0);
  }
}
