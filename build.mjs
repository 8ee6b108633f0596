#!/usr/bin/env node
// @ts-check
// Makes dist/: what the image, the local runtime and the `lab` command run. Idea: everything that runs in production is
// a bundle made here, so the image needs no npm and the CLI starts without reading hundreds of small files.
//
//   dist/node.js   the peer, one file (COPYed into the image, started by path for local labs)
//   dist/cli.js    the CLI, with chunks beside it: what is imported dynamically stays a chunk, read only when used
//   dist/swarm-worker.js   a thread of `lab sim --seeds`, made of the same chunks
//   dist/energy-lab.js, vitest.js, testcontainers.js   what programs import, made of the same chunks too
//   dist/types/    their declarations
//   dist/page.html the browser page, one file that needs nothing else (made by Vite)
//   dist/lab.js    the bin: plain JavaScript that checks the Node version, then loads cli.js
//
// Runs as `prepare` after `npm ci` (so it must work under whatever Node runs npm), by `npm run build`, and is imported by
// the lab to rebuild the peer alone when its sources changed.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { realpathSync } from "node:fs";
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, posix, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL(".", import.meta.url));
const dist = join(root, "dist");

/** What programs import: `energy-lab`, `energy-lab/vitest`, `energy-lab/testcontainers` (package.json, exports). */
const library = ["energy-lab", "vitest", "testcontainers"];

/**
 * Builds dist/node.js. The same sources give the same bytes on every machine, and a file whose content is right already
 * isn't touched: its hash can name an image.
 * @returns {Promise<string>} the absolute path of the bundle
 * @throws when the sources don't compile; the message carries esbuild's own report with file and line
 */
export async function buildNodeBundle() {
  await bundle({
    entryPoints: { node: "node/runtime/main.ts" },
    minifyWhitespace: true,
    minifySyntax: true,
    plugins: [fixRules(), fitPackages()],
  });
  return join(dist, "node.js");
}

/**
 * Builds dist/cli.js, the library, their chunks and dist/lab.js, and removes chunks of earlier builds.
 * @returns {Promise<string>} the absolute path of the bin
 */
export async function buildCli() {
  const written = await bundle({
    entryPoints: {
      cli: "lab/cli/cli.ts",
      "swarm-worker": "lab/sim/threads/swarm-worker.ts",
      ...Object.fromEntries(library.map((name) => [name, `lab/library/${name}.ts`])),
    },
    splitting: true,
    chunkNames: "chunk-[hash]",
    // The user's own: what is installed beside us, once.
    external: ["vitest", "testcontainers"],
  });
  for (const name of await readdir(dist)) {
    if (name.startsWith("chunk-") && !written.has(name)) await rm(join(dist, name), { force: true });
  }
  const bin = join(dist, "lab.js");
  await writeIfChanged(bin, await readFile(join(root, "lab/cli/bin.js")));
  await chmod(bin, 0o755);
  return bin;
}

/**
 * Builds dist/types: the declarations of the library's entries and of what they name. Made by tsc in a folder of its own, since it
 * writes those of the whole program. They name each other by `.js`, as every consumer's resolution understands.
 * @returns {Promise<string>} the folder
 */
async function buildTypes() {
  const made = await mkdtemp(join(tmpdir(), "energy-lab-types-"));
  try {
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    const project = join(root, "tsconfig.library.json");
    // What is wrong with the types is for `npm run types` to say.
    const problems = await new Promise((resolve) => {
      execFile(process.execPath, [tsc, "-p", project, "--outDir", made], (_error, stdout) => resolve(stdout));
    });
    /** @type {Set<string>} */
    const wanted = new Set();
    const names = library.map((name) => `lab/library/${name}.d.ts`);
    for (let name = names.pop(); name !== undefined; name = names.pop()) {
      if (wanted.has(name)) continue;
      wanted.add(name);
      const text = await readFile(join(made, name), "utf8").catch((cause) => {
        throw new Error(`${name} wasn't made\n${problems}`, { cause });
      });
      for (const [, target = ""] of text.matchAll(/\b(?:from|import)\s*\(?"(\.{1,2}\/[^"]+)\.ts"/g))
        names.push(posix.join(posix.dirname(name), `${target}.d.ts`));
      const path = join(dist, "types", name);
      await mkdir(dirname(path), { recursive: true });
      await writeIfChanged(path, Buffer.from(text.replaceAll(/"(\.{1,2}\/[^"]+)\.ts"/g, '"$1.js"')));
    }
    for (const entry of await readdir(join(dist, "types"), { recursive: true })) {
      const isStray = entry.endsWith(".d.ts") && !wanted.has(entry.replaceAll("\\", "/"));
      if (isStray) await rm(join(dist, "types", entry));
    }
    return join(dist, "types");
  } finally {
    await rm(made, { recursive: true, force: true });
  }
}

/**
 * Builds dist/page.html: Vite's script and style sheet inside its HTML, so that a report is one file and a server serves one. A browser
 * may run only this script and this style, and load nothing from anywhere.
 * @returns {Promise<string>} the absolute path of the page
 */
export async function buildPage() {
  const { build } = await import("vite");
  const result = await build({
    configFile: false,
    root: join(root, "lab/page"),
    logLevel: "error",
    oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
    build: { write: false, target: "es2023", modulePreload: false, cssCodeSplit: false, assetsInlineLimit: 1 << 20 },
  });
  const files = "output" in result ? result.output : [];
  /** @param {string} ending */
  const read = (ending) => {
    const file = files.find(({ fileName }) => fileName.endsWith(ending));
    if (file === undefined) throw new Error(`the page's ${ending} file is missing`);
    return file.type === "chunk" ? file.code : String(file.source);
  };
  const script = read(".js").replaceAll("</script", "<\\/script").trim();
  const style = read(".css").trim();
  const policy = [
    "default-src 'none'",
    `script-src ${hashOf(script)}`,
    // Positions of nodes are set by the script; attributes in HTML stay forbidden.
    `style-src ${hashOf(style)}`,
    "connect-src 'self'",
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  const html = read(".html")
    .replace(/<script type="module"[^>]*><\/script>/, () => `<script type="module">${script}</script>`)
    .replace(/<link rel="stylesheet"[^>]*>/, () => `<style>${style}</style>`)
    .replace("<head>", () => `<head>\n    <meta http-equiv="Content-Security-Policy" content="${policy}" />`);
  const path = join(dist, "page.html");
  await mkdir(dist, { recursive: true });
  await writeIfChanged(path, Buffer.from(html));
  return path;
}

/**
 * Builds dist/playground.html: a whole lab in one page, which opens from a disk. Its one script is the page and, in a worker that the
 * page makes of it, the world; so what both need is there once.
 * @returns {Promise<string>} the absolute path of the page
 */
export async function buildPlayground() {
  const { build } = await import("esbuild");
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: { playground: "lab/page/play/boot.tsx" },
    outdir: "dist",
    bundle: true,
    write: false,
    platform: "browser",
    target: "es2022",
    format: "iife",
    minify: true,
    jsx: "automatic",
    jsxImportSource: "preact",
    logLevel: "silent",
    define: { SHIPPED_SCENARIOS: JSON.stringify(await readScenarios()) },
    plugins: [fitPackages(), withoutPrograms()],
  });
  /** @param {string} ending */
  const read = (ending) => outputFiles.find(({ path }) => path.endsWith(ending))?.text.trim() ?? "";
  const script = read(".js").replaceAll("</script", "<\\/script");
  const style = read(".css");
  const policy = [
    "default-src 'none'",
    `script-src ${hashOf(script)}`,
    "worker-src blob:",
    `style-src ${hashOf(style)}`,
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  const html = (await readFile(join(root, "lab/page/play.html"), "utf8"))
    .replace("<head>", () => `<head>\n    <meta http-equiv="Content-Security-Policy" content="${policy}" />`)
    .replace("</head>", () => `  <style>${style}</style>\n  </head>`)
    .replace("</body>", () => `  <script id="program">${script}</script>\n  </body>`);
  const path = join(dist, "playground.html");
  await mkdir(dist, { recursive: true });
  await writeIfChanged(path, Buffer.from(html));
  return path;
}

/** The scenarios that are shipped, by their paths in compose/scenarios: what they hold, without comments. */
export async function readScenarios() {
  const folder = join(root, "compose/scenarios");
  const names = (await readdir(folder, { recursive: true })).map((name) => name.replaceAll("\\", "/"));
  const files = names.filter((name) => /^(?:bugs\/)?[^/]+\.yaml$/.test(name)).sort();
  const texts = await Promise.all(files.map((name) => readFile(join(folder, name), "utf8")));
  return Object.fromEntries(files.map((name, n) => [name, (texts[n] ?? "").replaceAll(/^#.*\n/gm, "")]));
}

/** @param {string} text */
function hashOf(text) {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}

/**
 * Puts `lab` into node_modules/.bin, where `npx lab` finds it at once. npm links the bins of dependencies only, and were
 * `lab` a bin of package.json, npx would first install the project into its own cache, each time that the folder moves. So
 * package.json has it only while it is packed (`nameBoth`). Windows needs `lab.cmd`, and rights for a link, which a copy of
 * what npm writes for its packages doesn't need.
 * @param {string} binFolder
 * @param {typeof symlink} link another one in tests: a system that refuses links
 */
export async function linkBin(binFolder = join(root, "node_modules/.bin"), link = symlink) {
  const path = join(binFolder, "lab");
  const target = posix.join("../..", "dist/lab.js");
  await mkdir(binFolder, { recursive: true });
  const windows = target.replaceAll("/", "\\");
  await writeIfChanged(`${path}.cmd`, Buffer.from(`@node "%~dp0\\${windows}" %*\r\n`));
  if ((await readlink(path).catch(() => "")) === target) return;
  if (await lstat(path).catch(() => undefined)) await rm(path);
  await link(target, path).catch(() =>
    writeFile(path, `#!/bin/sh\nexec node "$(dirname "$0")/${target}" "$@"\n`, { mode: 0o755 }),
  );
}

/**
 * The packed package has the command under both its names; in this folder `npx lab` is a link (`linkBin`).
 * @param {string} text of package.json
 * @param {boolean} both
 */
export function nameBoth(text, both) {
  const one = '    "energy-lab": "dist/lab.js"';
  const two = `${one},\n    "lab": "dist/lab.js"`;
  return both && !text.includes(two) ? text.replace(one, two) : both ? text : text.replace(two, one);
}

/**
 * @param {import("esbuild").BuildOptions} options
 * @returns {Promise<Set<string>>} the names of the files that make up the bundle
 */
async function bundle(options) {
  const { build } = await import("esbuild");
  const result = await build({
    absWorkingDir: root,
    outdir: "dist",
    bundle: true,
    platform: "node",
    target: "node22",
    format: "esm",
    // Next to the bundle, for whoever starts it with --enable-source-maps; the image doesn't carry it.
    sourcemap: "linked",
    sourcesContent: false,
    logLevel: "silent",
    plugins: [fitPackages()],
    // CommonJS packages inside an ES module bundle still call these.
    banner: {
      js: [
        'import { createRequire as __createRequire } from "node:module";',
        "const require = __createRequire(import.meta.url);",
        "const __filename = import.meta.filename, __dirname = import.meta.dirname;",
      ].join(""),
    },
    ...options,
    write: false,
  });
  const files = result.outputFiles ?? [];
  await mkdir(dist, { recursive: true });
  // The entry last: whoever starts it meanwhile finds the chunks that it names.
  for (const file of files.toReversed()) await writeIfChanged(file.path, file.contents);
  return new Set(files.map((file) => relative(dist, file.path)));
}

/**
 * The peer that runs in production has no switches: every `state.rules.<name>` (node/core/kernel/rules.ts) becomes `true`, so that the
 * branches behind a missing rule are gone. Anything else that could read a switch fails the build. Benchmarks of the core use it too.
 * @returns {import("esbuild").Plugin}
 */
export function fixRules() {
  return {
    name: "fix-rules",
    setup(build) {
      build.onLoad({ filter: /[\\/]node[\\/]core[\\/](?:[\w-]+[\\/])?[\w-]+\.ts$/ }, async ({ path }) => {
        if (/[\\/]kernel[\\/]rules\.ts$/.test(path))
          return { contents: "export const RULES = Object.freeze({});", loader: "ts" };
        const contents = (await readFile(path, "utf8")).replaceAll(/\bstate\.rules\.\w+/g, "true");
        const stray = contents.search(/\.rules\b|\brules\b[^;{]*\} = state\b/);
        if (stray < 0) return { contents, loader: "ts" };
        const text = `a switch must be read as state.rules.<name> (line ${contents.slice(0, stray).split("\n").length})`;
        return { errors: [{ text, location: { file: relative(root, path) } }] };
      });
    },
  };
}

/**
 * No programs of one's own run in a browser.
 * @returns {import("esbuild").Plugin}
 */
export function withoutPrograms() {
  const path = join(root, "lab/play/no-programs.ts");
  return {
    name: "without-programs",
    setup: (build) => build.onResolve({ filter: /\/program-kind\.ts$/ }, () => ({ path })),
  };
}

/**
 * What the packages need before they fit into a bundle.
 * - Three modules of dockerode's can't live in one: they load native add-ons (ssh2) or .proto files from their own folder
 *   (BuildKit sessions), and cost more start-up time than everything else together. They are required from node_modules
 *   at the moment that they are first called. It packs folders with tar-fs, which nothing here asks it to do.
 * - zod carries its messages in fifty languages, a third of the node's bundle; English stays.
 * - yaml offers Node its CommonJS build; imported dynamically from a bundle that has no named exports, its ES build does.
 * @returns {import("esbuild").Plugin}
 */
function fitPackages() {
  /** @type {Record<string, string>} */
  const stubs = {
    "docker-modem/lib/ssh.js": `module.exports = (options) => require("docker-modem/lib/ssh.js")(options);`,
    "dockerode/lib/session.js": `module.exports = (...args) => require("dockerode/lib/session.js")(...args);`,
    "tar-fs/index.js": `module.exports.pack = () => { throw new Error("the lab packs its archives itself"); };`,
    "dockerode/lib/buildkit.js": `module.exports.followProgress = (...args) => require("dockerode/lib/buildkit.js").followProgress(...args);`,
  };
  const names = Object.keys(stubs);
  return {
    name: "fit-packages",
    setup(build) {
      build.onLoad(
        { filter: /[\\/](?:(?:docker-modem|dockerode)[\\/]lib[\\/](?:ssh|session|buildkit)|tar-fs[\\/]index)\.js$/ },
        (args) => {
          const path = args.path.replaceAll("\\", "/");
          const name = names.find((candidate) => path.endsWith(`/${candidate}`));
          return name === undefined ? undefined : { contents: stubs[name] ?? "", loader: "js" };
        },
      );
      build.onLoad({ filter: /[\\/]zod[\\/]v4[\\/]locales[\\/]index\.js$/ }, () => ({
        contents: `export { default as en } from "./en.js";`,
        loader: "js",
      }));
      build.onResolve({ filter: /^yaml$/ }, () => ({ path: join(root, "node_modules/yaml/browser/index.js") }));
      build.onResolve({ filter: /^(docker-modem|dockerode)\/lib\// }, (args) => ({ path: args.path, external: true }));
    },
  };
}

/**
 * Whole or not at all: a node that starts during a build must not read half a bundle.
 * @param {string} path
 * @param {Uint8Array} contents
 */
async function writeIfChanged(path, contents) {
  const old = await readFile(path).catch(() => undefined);
  if (old?.equals(contents)) return;
  const temporary = `${path}.${process.pid}.tmp`;
  await writeFile(temporary, contents);
  await rename(temporary, path);
}

/** @param {unknown} error */
function explain(error) {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ERR_MODULE_NOT_FOUND") {
    return "esbuild isn't installed, so dist/ can't be made\n  install the project with its development dependencies: npm ci";
  }
  return error instanceof Error ? error.message : String(error);
}

async function main() {
  const mode = process.argv[2];
  if (mode === "--pack" || mode === "--packed") {
    const path = join(root, "package.json");
    await writeIfChanged(path, Buffer.from(nameBoth(await readFile(path, "utf8"), mode === "--pack")));
    return;
  }
  const built = await Promise.all([buildNodeBundle(), buildCli(), buildPage(), buildPlayground(), buildTypes()]);
  await linkBin();
  for (const path of built) console.log(`build: ${relative(root, path)}`);
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await main().catch((error) => {
    console.error(`build: ${explain(error)}`);
    process.exitCode = 1;
  });
}
