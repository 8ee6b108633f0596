// Access to the dashboard's server: exactly the attacks that a page of another site, a rebound name or a neighbour on this
// machine can try, against the rules and against the real server.
import { request as httpRequest } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LabError } from "../../lab/base/lab-error.ts";
import { DashRefusal, readCatalogue, readStream, sendCommand } from "../../lab/dash/client.ts";
import { Feed } from "../../lab/dash/feed.ts";
import { type Admission, admit, BODY_BYTES_MAX, type RequestHead } from "../../lab/dash/gate.ts";
import { openMetricsServer } from "../../lab/dash/metrics-server.ts";
import { describePolicy } from "../../lab/dash/page-file.ts";
import type { DashCommand, StreamMessage } from "../../lab/dash/protocol.ts";
import { type DashHandle, openDashServer } from "../../lab/dash/server.ts";
import type { RunFacts } from "../../lab/journal/journal.ts";

const TOKEN = "a-token-of-this-test";
const PORT = 4321;
const FACTS: RunFacts = {
  ...{ lab: "shop", run: "shop-1", profile: "fast", nodes: [1, 2], voters: [1], seed: 1 },
  runtime: "sim",
  isDetailed: false,
  hasWire: false,
};

/** The page's own headers. */
const own: RequestHead = {
  method: "POST",
  url: "/api/command",
  headers: {
    host: `127.0.0.1:${PORT}`,
    origin: `http://127.0.0.1:${PORT}`,
    "content-type": "application/json",
    "content-length": "40",
    "sec-fetch-site": "same-origin",
    authorization: `Bearer ${TOKEN}`,
  },
};

function judge(change: Partial<RequestHead>, headers: Record<string, string | undefined> = {}): Admission {
  return admit({ ...own, ...change, headers: { ...own.headers, ...headers } }, { port: PORT, token: TOKEN });
}

describe("the gate", () => {
  test.each(["/api/command", "/api/stream", "/api/catalogue"])("must let the page ask %s", (url) => {
    expect(judge({ url })).toMatchObject({ ok: true });
    expect(judge({ url }, { host: `localhost:${PORT}`, origin: `http://localhost:${PORT}` })).toMatchObject({
      ok: true,
    });
  });

  test.each<
    [attack: string, status: number, change: Partial<RequestHead>, headers: Record<string, string | undefined>]
  >([
    [
      "a name that was rebound to this machine",
      421,
      {},
      { host: `evil.example:${PORT}`, origin: `http://evil.example:${PORT}` },
    ],
    ["another port's host", 421, {}, { host: "127.0.0.1:9999" }],
    ["no host", 421, {}, { host: undefined }],
    ["another site's script", 403, {}, { origin: "https://evil.example" }],
    ["another port of this machine", 403, {}, { origin: "http://127.0.0.1:9999" }],
    ["the other name of this server", 403, {}, { origin: `http://localhost:${PORT}` }],
    ["a page in a sandbox, or a file", 403, {}, { origin: "null" }],
    ["a POST that hides its origin", 403, {}, { origin: undefined }],
    ["a site that shares a suffix", 403, {}, { "sec-fetch-site": "same-site" }],
    ["a link on another site", 403, {}, { "sec-fetch-site": "cross-site" }],
    ["a form that posts text", 415, {}, { "content-type": "text/plain" }],
    ["a form that posts fields", 415, {}, { "content-type": "application/x-www-form-urlencoded" }],
    ["a body of no known length", 411, {}, { "content-length": undefined, "transfer-encoding": "chunked" }],
    ["a body without an end", 413, {}, { "content-length": `${BODY_BYTES_MAX + 1}` }],
    ["no token", 401, {}, { authorization: undefined }],
    ["a wrong token", 401, {}, { authorization: "Bearer something-else" }],
    ["half a token", 401, {}, { authorization: `Bearer ${TOKEN.slice(0, -1)}` }],
    ["the token without its scheme", 401, {}, { authorization: TOKEN }],
    ["the token in a cookie", 401, {}, { authorization: undefined, cookie: `token=${TOKEN}` }],
    ["the token in the address", 404, { url: `/api/command?token=${TOKEN}` }, { authorization: undefined }],
    ["an image on another site", 405, { method: "GET" }, { origin: undefined }],
    ["a preflight", 405, { method: "OPTIONS" }, {}],
    ["a path above", 404, { url: "/../package.json" }, {}],
    ["a name that every object has", 404, { url: "constructor" }, {}],
  ])("must refuse %s", (_attack, status, change, headers) => {
    expect(judge(change, headers)).toMatchObject({ ok: false, status });
  });

  test("must show the page, which holds nothing private, to anybody who types its address, and metrics only with the token", () => {
    const typed = { origin: undefined, "sec-fetch-site": "none", authorization: undefined };
    expect(judge({ method: "GET", url: "/" }, typed)).toMatchObject({ ok: true, route: "page" });
    expect(judge({ method: "GET", url: "/metrics" }, typed)).toMatchObject({ ok: false, status: 401 });
    expect(judge({ method: "GET", url: "/metrics" }, { origin: undefined })).toMatchObject({ ok: true });
  });
});

describe("the server", () => {
  const commands: DashCommand[] = [];
  let server: DashHandle;
  const origin = () => `http://127.0.0.1:${server.port}`;

  beforeAll(async () => {
    const feed = new Feed({ mode: "live", facts: FACTS, nowMs: () => 7 });
    feed.say({ type: "end", why: "lab-gone", text: "gone" });
    server = await openDashServer({
      port: 0,
      token: TOKEN,
      server: "one",
      source: {
        feed,
        mayCommand: true,
        openRun: (name) => Promise.reject(new LabError("notFound", `no run ${name}`, "")),
        command: (command) => {
          commands.push(command);
          return Promise.resolve({ ok: true, line: "lab heal", data: null, said: [] });
        },
        catalogue: () => Promise.resolve({ scenarios: [], runs: [] }),
        metrics: () => Promise.resolve("energy_lab_info 1\n"),
      },
      page: () => Promise.resolve({ html: "<p>page</p>", policy: describePolicy("<script>1</script>") }),
      onError: (error) => {
        throw error;
      },
    });
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
  });

  /** A raw request: a browser would forbid to set most of these headers, an attacker's program doesn't. */
  function ask(options: { method?: string; path?: string; headers?: Record<string, string>; body?: string }) {
    const { method = "POST", path = "/api/command", body = '{"verb":"heal"}', headers = {} } = options;
    const all = {
      host: `127.0.0.1:${server.port}`,
      origin: origin(),
      authorization: `Bearer ${TOKEN}`,
      ...(method === "GET"
        ? {}
        : { "content-type": "application/json", "content-length": String(Buffer.byteLength(body)) }),
      ...headers,
    };
    return new Promise<{ status: number; headers: Record<string, unknown>; text: string }>((resolve, reject) => {
      const request = httpRequest({ port: server.port, host: "127.0.0.1", method, path, headers: all }, (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (part: string) => {
          text += part;
        });
        response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
      });
      request.on("error", reject);
      request.end(method === "GET" ? undefined : body);
    });
  }

  test("must do what the page with the token asks for", async () => {
    const target = { origin: origin(), token: TOKEN };
    expect(await sendCommand(target, { verb: "heal" })).toMatchObject({ ok: true, line: "lab heal" });
    expect(await readCatalogue(target)).toEqual({ scenarios: [], runs: [] });
    expect(commands.splice(0)).toEqual([{ verb: "heal" }]);
  });

  test("must do nothing for another site's page, a rebound name, a form, or without the token", async () => {
    const attempts = [
      { headers: { host: "evil.example" } },
      { headers: { origin: "https://evil.example" } },
      { headers: { origin: "null" } },
      { headers: { "content-type": "text/plain" } },
      { headers: { authorization: "" } },
      { headers: { authorization: "Bearer wrong", cookie: `token=${TOKEN}` } },
      { path: `/api/command?token=${TOKEN}` },
    ];
    const answers = await Promise.all(attempts.map(ask));
    expect(answers.map(({ status }) => status)).toEqual([421, 403, 403, 415, 401, 401, 404]);
    expect(commands).toEqual([]);
  });

  test("must not let a page of another site read anything, nor embed it", async () => {
    for (const { path, method } of [
      { path: "/", method: "GET" },
      { path: "/api/catalogue", method: "POST" },
      { path: "/nothing", method: "GET" },
    ]) {
      const { headers } = await ask({ path, method, body: "{}" });
      expect(Object.keys(headers).filter((name) => name.startsWith("access-control"))).toEqual([]);
      expect(headers).toMatchObject({
        "cross-origin-resource-policy": "same-origin",
        "x-frame-options": "DENY",
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
        "content-security-policy": expect.stringContaining("frame-ancestors 'none'"),
      });
      expect(headers["set-cookie"]).toBeUndefined();
    }
  });

  test("must let only the page's own scripts run", async () => {
    const { headers } = await ask({ path: "/", method: "GET" });
    const policy = String(headers["content-security-policy"]);
    expect(policy).toMatch(/script-src 'sha256-[A-Za-z0-9+/=]+';/);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("connect-src 'self'");
    expect(policy).not.toMatch(/script-src[^;]*unsafe/);
  });

  test.each([
    ["no JSON", "verb=heal"],
    ["an unknown verb", '{"verb":"down"}'],
    ["a field too many", '{"verb":"heal","--all":true}'],
    ["an option in place of a node", '{"verb":"kill","nodes":"--name=other"}'],
    ["a second word in a node", '{"verb":"kill","nodes":"1 --name other"}'],
    ["a way out of the folder", '{"verb":"scenario","file":"../../x.yaml","pace":"step"}'],
    ["a fraction of a credit", '{"verb":"sell","from":"1","peer":"2","amount":0.5}'],
  ])("must refuse a command with %s", async (_what, body) => {
    expect(await ask({ body })).toMatchObject({ status: 400 });
    expect(commands).toEqual([]);
  });

  test("must read no more of a body than it may be long, whatever was announced", async () => {
    const body = JSON.stringify({ verb: "heal", what: ["x".repeat(BODY_BYTES_MAX)] });
    expect(await ask({ body })).toMatchObject({ status: 413 });
    expect(commands).toEqual([]);
  });

  test("must tell a page with an old token that it is refused, for good", async () => {
    const target = { origin: origin(), token: "of yesterday" };
    const states: string[] = [];
    const { signal } = new AbortController();
    await readStream(target, { signal, onMessage: () => {}, onState: ({ state }) => states.push(state) });
    expect(states).toEqual(["connecting", "refused"]);
    await expect(sendCommand(target, { verb: "heal" })).rejects.toThrow(DashRefusal);
  });

  test("must answer metrics to the token as a bearer", async () => {
    expect(await ask({ path: "/metrics", method: "GET" })).toMatchObject({ status: 200, text: "energy_lab_info 1\n" });
    expect(await ask({ path: "/metrics", method: "GET", headers: { authorization: "" } })).toMatchObject({
      status: 401,
    });
  });

  test("must say what a stream begins with and that it is over", async () => {
    const messages: StreamMessage[] = [];
    const { signal } = new AbortController();
    await readStream({ origin: origin(), token: TOKEN }, { signal, onMessage: (message) => messages.push(message) });
    expect(messages).toMatchObject([
      { type: "hello", mode: "live", mayCommand: true },
      { type: "end", why: "lab-gone" },
    ]);
  });
});

describe("the open metrics port", () => {
  test("must answer by address only, and nothing but /metrics", async () => {
    await using server = await openMetricsServer({
      address: "127.0.0.1",
      port: 0,
      metrics: () => Promise.resolve("x 1\n"),
    });
    const { port } = new URL(server.url);
    const status = (path: string, host: string, method = "GET") =>
      new Promise((resolve, reject) => {
        httpRequest({ host: "127.0.0.1", port, path, method, headers: { host } }, (response) => {
          response.resume();
          resolve(response.statusCode);
        })
          .on("error", reject)
          .end();
      });
    expect(await status("/metrics", `127.0.0.1:${port}`)).toBe(200);
    expect(await status("/metrics", `localhost:${port}`)).toBe(200);
    expect(await status("/metrics", `evil.example:${port}`)).toBe(421);
    expect(await status("/", `127.0.0.1:${port}`)).toBe(404);
    expect(await status("/metrics", `127.0.0.1:${port}`, "POST")).toBe(405);
  });
});
