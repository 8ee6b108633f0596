#!/usr/bin/env node
// The `lab` command: checks the Node version, then loads the CLI. Plain JavaScript without import statements, so that an
// old Node reads it far enough to say what is wrong instead of printing a syntax error.

(() => {
  const oldest = [22, 22, 0];
  const version = process.versions.node;
  const parts = version.split(".").map(Number);
  let difference = 0;
  for (let i = 0; i < oldest.length && difference === 0; i++) difference = parts[i] - oldest[i];
  if (difference < 0) runWithNewerNode(version, oldest.join("."));
  else runHere();

  function runHere() {
    const nodeModule = process.getBuiltinModule("module");
    const path = process.getBuiltinModule("path");
    const fs = process.getBuiltinModule("fs");
    // Compiled code is kept beside the packages: it goes when they go, and no other user can write to it.
    const root = path.dirname(path.dirname(fs.realpathSync(process.argv[1])));
    nodeModule.enableCompileCache(path.join(root, "node_modules", ".cache", "lab"));
    // biome-ignore lint/correctness/useImportExtensions: this runs from dist/, where the CLI is cli.js.
    import("./cli.js").then((cli) => cli.main(process.argv.slice(2))).catch(crash);
  }

  // `npm ci` brings a Node of its own along (the package `node`); npx finds it by itself, a direct call finds it here.
  function runWithNewerNode(found, needed) {
    Promise.all([import("node:fs"), import("node:path"), import("node:child_process")])
      .then(([fs, path, childProcess]) => {
        const self = fs.realpathSync(process.argv[1]);
        const folder = path.join(path.dirname(path.dirname(self)), "node_modules", "node", "bin");
        const own = ["node", "node.exe"].map((name) => path.join(folder, name)).find((file) => fs.existsSync(file));
        if (own === undefined || fs.realpathSync(own) === fs.realpathSync(process.execPath)) {
          console.error(`lab: this is Node ${found}, and lab needs Node ${needed} or newer`);
          console.error(
            "  run `npm ci` in the project folder, then `npx lab`: it brings Node 24 along; or install Node 24",
          );
          process.exitCode = 2;
          return;
        }
        const child = childProcess.spawn(own, [self].concat(process.argv.slice(2)), { stdio: "inherit" });
        // A terminal sends its signals to both; a supervisor sends them to this process only.
        for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
          process.on(signal, () => {
            if (!process.stdin.isTTY || signal !== "SIGINT") child.kill(signal);
          });
        }
        child.on("error", crash);
        child.on("exit", (code, signal) => {
          if (signal === null) process.exit(code);
          process.removeAllListeners(signal);
          process.kill(process.pid, signal);
        });
      })
      .catch(crash);
  }

  function crash(error) {
    console.error(error);
    process.exit(1);
  }
})();
