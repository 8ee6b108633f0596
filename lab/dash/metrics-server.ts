/**
 * /metrics on a port of its own, without a token, for scrapers on this machine: only when asked for, only this one path, and only
 * by an address, so that no web page gets at it by the trick of a name that points here (DNS rebinding).
 */
import { once } from "node:events";
import { createServer } from "node:http";
import { isIP } from "node:net";
import { SAFE_HEADERS } from "./gate.ts";
import { limitConnections } from "./limit-connections.ts";
import { CONTENT_TYPE } from "./metrics-text.ts";
import { listen } from "./server.ts";

export interface MetricsServerOptions {
  readonly address: string;
  readonly port: number;
  readonly metrics: () => Promise<string>;
}

export interface MetricsHandle extends AsyncDisposable {
  readonly url: string;
}

/** @throws LabError("failed") when the port is taken */
export async function openMetricsServer({ address, port, metrics }: MetricsServerOptions): Promise<MetricsHandle> {
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 5_000 });
  limitConnections(server, 16);
  const got = await listen(server, address, port);
  server.on("request", (request, response) => {
    for (const [name, value] of Object.entries(SAFE_HEADERS)) response.setHeader(name, value);
    const refuse = (status: number, text: string) => {
      response.writeHead(status, { "content-type": "text/plain; charset=utf-8", connection: "close" }).end(`${text}\n`);
    };
    if (!isAddress(request.headers.host ?? "")) return refuse(421, "ask by an address, or as localhost");
    if (request.headers["sec-fetch-site"] === "cross-site") return refuse(403, "another site's page may not ask here");
    if (request.url !== "/metrics") return refuse(404, "there is /metrics only");
    if (request.method !== "GET") return refuse(405, "this is asked by GET");
    metrics().then(
      (text) => response.writeHead(200, { "content-type": CONTENT_TYPE }).end(text),
      // A scrape that fails is how monitoring learns that the lab is gone.
      (error: unknown) => refuse(503, error instanceof Error ? error.message : String(error)),
    );
  });
  return {
    url: `http://${address}:${got}/metrics`,
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function isAddress(host: string): boolean {
  const name = host.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
  return name === "localhost" || isIP(name) !== 0;
}
