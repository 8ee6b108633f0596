// A bad day: silent connections to the dashboard, and the ways to an engine. The next case is a row.
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { limitConnections } from "../../lab/dash/limit-connections.ts";
import { readProxies } from "../../lab/engine/docker/docker-proxies.ts";
import { sshArguments } from "../../lab/engine/docker/docker-ssh.ts";

describe("silent connections", () => {
  test.each([
    ["half-open", ""],
    ["with half of a request", "GET / HTTP/1.1\r\nHost:"],
  ])("%s, must not keep others out of a server", async (_name, said) => {
    const server = createServer((_request, response) => response.end("here"));
    limitConnections(server, 8);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const sockets: Socket[] = [];
    for (let i = 0; i < 80; i++) {
      const socket = connect(port, "127.0.0.1").on("error", () => {});
      await once(socket, "connect");
      socket.write(said);
      sockets.push(socket);
    }
    const answer = await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(2_000) });
    expect(await answer.text()).toBe("here");
    for (const socket of sockets) socket.destroy();
    server.closeAllConnections();
    server.close();
  });
});

describe("the way to an engine", () => {
  const target = { host: "far", port: "", user: "", path: "" };
  test.each([
    [{ ...target }, "far docker system dial-stdio"],
    [
      { ...target, path: "/run/user/1000/docker.sock" },
      "far docker --host 'unix:///run/user/1000/docker.sock' system dial-stdio",
    ],
    [{ ...target, user: "me", port: "2222" }, "far docker system dial-stdio"],
  ])("%j must lead to the engine that docker's own client uses", (to, end) => {
    const words = sshArguments(to).join(" ");
    expect(words.endsWith(` -- ${end}`)).toBe(true);
    if (to.user !== "") expect(words).toContain("-l me -p 2222");
  });

  test.each([
    [
      "the default's",
      { proxies: { default: { httpProxy: "http://p:3128", noProxy: "x" } } },
      { HTTP_PROXY: "http://p:3128", http_proxy: "http://p:3128", NO_PROXY: "x", no_proxy: "x" },
    ],
    [
      "those of this engine",
      { proxies: { default: { httpProxy: "a" }, "/my.sock": { httpsProxy: "b" } } },
      { HTTPS_PROXY: "b", https_proxy: "b" },
    ],
    ["none", {}, {}],
    ["none of a broken file", "{", {}],
  ])("the proxies of the Docker configuration must reach a build: %s", async (_name, config, expected) => {
    const folder = await mkdtemp(join(tmpdir(), "lab-docker-config-"));
    await writeFile(join(folder, "config.json"), typeof config === "string" ? config : JSON.stringify(config));
    expect(await readProxies("/my.sock", { DOCKER_CONFIG: folder })).toEqual(expected);
    await rm(folder, { recursive: true });
  });
});
