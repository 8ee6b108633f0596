// The example project with the package installed: packed by `npm pack`, installed by npm into a folder of its own.
//
// npm gets a lock file made from the project's own (the packages that the example needs, and the packed one), so it takes exactly what
// `npm ci` has put into npm's cache before: no registry is asked, and nothing new comes in.
import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify, stripVTControlCharacters } from "node:util";

const ROOT = join(import.meta.dirname, "../..");
const EXAMPLE = "test/example";

export interface InstalledExample extends Disposable {
  readonly path: string;
  /** Runs one of the example's scripts to its end. */
  run(script: string, environment?: Readonly<Record<string, string>>): Promise<{ code: number; output: string }>;
}

/** The blocks of the documents that are files of such a project, by the names that stand before them. */
function readProgramBlocks(): ReadonlyMap<string, string> {
  const documents = ["README.md", "lab/README.md"].map((path) => readFileSync(join(ROOT, path), "utf8")).join("\n");
  const blocks = documents.matchAll(/^<!-- runs: (\S+\.ts) -->\n```ts\n([\s\S]*?)^```$/gm);
  return new Map([...blocks].map(([, name = "", text = ""]) => [name, text]));
}

interface LockedPackage {
  readonly dependencies?: Record<string, string>;
  readonly optionalDependencies?: Record<string, string>;
  readonly peerDependencies?: Record<string, string>;
  readonly [field: string]: unknown;
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly bin?: Record<string, string>;
  readonly dependencies?: Record<string, string>;
  readonly devDependencies?: Record<string, string>;
  readonly peerDependencies?: Record<string, string>;
  readonly peerDependenciesMeta?: Record<string, unknown>;
}

export async function installExample(): Promise<InstalledExample> {
  const home = mkdtempSync(join(tmpdir(), "lab-test-example-"));
  try {
    const path = join(home, EXAMPLE);
    mkdirSync(path, { recursive: true });
    cpSync(join(ROOT, EXAMPLE), path, { recursive: true, filter: (source) => !source.includes("node_modules") });
    for (const [name, text] of readProgramBlocks()) writeFileSync(join(path, name), text);
    // The test run has built dist/.
    const [packed] = await pack(home);
    writeFileSync(join(path, "package-lock.json"), JSON.stringify(makeLock(packed?.integrity ?? ""), null, 2));
    await npm(path, "ci", "--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund");
    return {
      path,
      async run(script, environment = {}) {
        const state = { XDG_STATE_HOME: home, ENERGY_LAB_RESULTS: "", NO_COLOR: "1" };
        try {
          const done = await npmWith({ ...state, ...environment }, path, "run", script);
          return { code: 0, output: stripVTControlCharacters(done.stdout + done.stderr) };
        } catch (error) {
          const { code = 1, stdout: out = "", stderr = "" } = error as Partial<ExecError>;
          return { code: Number(code), output: stripVTControlCharacters(out + stderr) };
        }
      },
      [Symbol.dispose]: () => rmSync(home, { recursive: true, force: true, maxRetries: 5 }),
    };
  } catch (error) {
    rmSync(home, { recursive: true, force: true });
    throw error;
  }
}

/** As `npm pack` does, without building again. */
async function pack(folder: string): Promise<readonly { filename: string; integrity: string }[]> {
  await npm(ROOT, "run", "prepack");
  try {
    const { stdout } = await npm(ROOT, "pack", "--ignore-scripts", "--json", "--pack-destination", folder);
    return JSON.parse(stdout);
  } finally {
    await npm(ROOT, "run", "postpack");
  }
}

interface ExecError {
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

function npm(cwd: string, ...args: string[]) {
  return npmWith({}, cwd, ...args);
}

function npmWith(environment: Readonly<Record<string, string>>, cwd: string, ...args: string[]) {
  // The npm that runs these tests has set variables about this project. The Node is ours; the packages are the example's own.
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^npm_|^VITEST|^(NODE_ENV|INIT_CWD|FORCE_COLOR)$/i.test(name),
  );
  const path = [join(process.execPath, ".."), process.env.PATH ?? ""].join(delimiter);
  const env = { ...Object.fromEntries(inherited), PATH: path, ...environment };
  return promisify(execFile)("npm", args, { cwd, env, maxBuffer: 64 * 1024 * 1024 });
}

/** The part of the project's lock file that the example needs, and the packed package. */
function makeLock(integrity: string): object {
  const lock = readJson<{ packages: Record<string, LockedPackage> }>("package-lock.json");
  const own = readJson<Manifest>("package.json");
  const example = readJson<Manifest>(`${EXAMPLE}/package.json`);
  const { bin, dependencies, peerDependencies, peerDependenciesMeta, version } = own;
  const resolved = example.devDependencies?.[own.name] ?? "";
  const packed = { version, resolved, integrity, bin, dependencies, peerDependencies, peerDependenciesMeta };
  const wanted = new Map<string, LockedPackage>();
  const add = (name: string, from: string): void => {
    const place = findPlace(lock.packages, name, from);
    const found = place === null ? undefined : lock.packages[place];
    // Optional ones may be missing.
    if (place === null || found === undefined || wanted.has(place)) return;
    const { dev: _dev, devOptional: _devOptional, ...entry } = found;
    wanted.set(place, entry);
    const needs = { ...found.dependencies, ...found.optionalDependencies, ...found.peerDependencies };
    for (const need of Object.keys(needs)) add(need, place);
  };
  for (const name of Object.keys({ ...example.devDependencies, ...dependencies })) if (name !== own.name) add(name, "");
  const { name, devDependencies } = example;
  return {
    name,
    lockfileVersion: 3,
    requires: true,
    packages: {
      "": { name, devDependencies },
      [`node_modules/${own.name}`]: packed,
      ...Object.fromEntries([...wanted].sort(([a], [b]) => (a < b ? -1 : 1))),
    },
  };
}

/** Where the package at `from` finds `name`: beside its own, or further up. */
function findPlace(packages: Readonly<Record<string, unknown>>, name: string, from: string): string | null {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf("node_modules/") - 1))) {
    const place = `${folder === "" ? "" : `${folder}/`}node_modules/${name}`;
    if (place in packages) return place;
    if (folder === "") return null;
  }
}

function readJson<T>(name: string): T {
  return JSON.parse(readFileSync(join(ROOT, name), "utf8")) as T;
}
