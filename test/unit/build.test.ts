// Work of the build beside bundling: the command in node_modules/.bin on every system, and its names in the package.
import { spawnSync } from "node:child_process";
import { lstatSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { linkBin, nameBoth } from "../../build.mjs";
import { checkCommand } from "../../lab/cluster/doctor.ts";
import { PROJECT_ROOT } from "../support/sources.ts";
import { makeTempFolder } from "../support/temp-folder.ts";

describe("the command in node_modules/.bin", () => {
  test("must be a link, and a file for Windows beside it", async () => {
    const folder = makeTempFolder();
    await linkBin(folder);
    await linkBin(folder);
    expect(readlinkSync(join(folder, "lab"))).toBe("../../dist/lab.js");
    expect(readFileSync(join(folder, "lab.cmd"), "utf8")).toBe('@node "%~dp0\\..\\..\\dist\\lab.js" %*\r\n');
  });

  test("must need no right to make links", async () => {
    const folder = makeTempFolder();
    await linkBin(folder, () => Promise.reject(new Error("EPERM: operation not permitted, symlink")));
    expect(lstatSync(join(folder, "lab")).isFile()).toBe(true);
    expect(readFileSync(join(folder, "lab"), "utf8")).toBe(
      '#!/bin/sh\nexec node "$(dirname "$0")/../../dist/lab.js" "$@"\n',
    );
  });
});

describe("the package", () => {
  test("must have the command under both names while it is packed, and be as before afterwards", () => {
    const text = readFileSync(join(PROJECT_ROOT, "package.json"), "utf8");
    const packed = nameBoth(text, true);
    expect(JSON.parse(packed).bin).toEqual({ "energy-lab": "dist/lab.js", lab: "dist/lab.js" });
    expect(nameBoth(packed, true)).toBe(packed);
    expect(nameBoth(packed, false)).toBe(nameBoth(text, false));
    expect(JSON.parse(nameBoth(packed, false)).bin).toEqual({ "energy-lab": "dist/lab.js" });
  });
});

describe("what is packed", () => {
  const packed = (): string[] => {
    const { stdout } = spawnSync("npm", ["pack", "--dry-run", "--ignore-scripts", "--json"], {
      ...{ cwd: PROJECT_ROOT, encoding: "utf8", shell: process.platform === "win32" },
    });
    const [found] = JSON.parse(stdout) as readonly { files: readonly { path: string }[] }[];
    return (found?.files ?? []).map(({ path }) => path);
  };

  test("must be all that runs and the manuals, and nothing else", { timeout: 60_000 }, () => {
    const files = packed();
    const needed = [
      "Dockerfile",
      "compose/entrypoint.sh",
      "compose/lab.yaml",
      "docker-compose.yml",
      "CI.md",
      "README.md",
    ];
    expect(needed.filter((path) => !files.includes(path))).toEqual([]);
    const own =
      /^(dist\/.*\.(js|d\.ts|html)|compose\/.+|(lab|node)\/[\w/-]+\.md|[A-Z]+\.md|Dockerfile|docker-compose\.yml|package\.json)$/;
    expect(files.filter((path) => !own.test(path))).toEqual([]);
  });
});

describe("the page for CI", () => {
  test("must show the example's workflow, whose scripts the example has", () => {
    const read = (path: string) => readFileSync(join(PROJECT_ROOT, path), "utf8");
    const workflow = read("test/example/.github/workflows/energy-lab.yml");
    expect(read("CI.md")).toContain(`\`\`\`yaml\n${workflow}\`\`\`\n`);
    const scripts = [...workflow.matchAll(/run: npm (?:run )?([\w:]+)/g)].map(([, name = ""]) => name);
    const known = Object.keys(JSON.parse(read("test/example/package.json")).scripts);
    expect(scripts.filter((name) => name !== "ci" && !known.includes(name))).toEqual([]);
  });
});

describe("what doctor says of the command", () => {
  const folder = makeTempFolder(afterAll);
  writeFileSync(join(folder, "lab"), "");
  writeFileSync(join(folder, "own.js"), "");

  test("must tell this one from another one and from none", () => {
    expect(checkCommand("/nowhere", join(folder, "own.js"))).toMatchObject({
      level: "info",
      consequence: expect.stringContaining("npx lab"),
    });
    expect(checkCommand(folder, join(folder, "lab"))).toMatchObject({ level: "ok", found: join(folder, "lab") });
    const other = checkCommand(folder, join(folder, "own.js"));
    expect(other).toMatchObject({ level: "warn", found: expect.stringContaining("another program") });
  });
});
