/**
 * The rules by which a request is let in, as a pure function of its head.
 *
 * Idea: a web page on another site can make this machine's browser send requests here, and by DNS rebinding even read answers. So a
 * request must name this server as its host, a request that does or reads anything is a POST from this server's own page, in a content
 * type that no form can send, and carries the token in a header that no browser adds by itself. There are no cookies: they would be sent
 * along to every port of 127.0.0.1.
 *
 * Source: OWASP, "Cross-Site Request Forgery Prevention Cheat Sheet"; the Fetch standard, forbidden request headers.
 */
import { createHash, timingSafeEqual } from "node:crypto";

export interface RequestHead {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

export type Route = "page" | "icon" | "metrics" | "stream" | "command" | "catalogue";

export type Admission =
  | { readonly ok: true; readonly route: Route }
  | { readonly ok: false; readonly status: number; readonly code: string; readonly message: string };

export interface GateOptions {
  readonly port: number;
  readonly token: string;
}

/** Longest body that is read. */
export const BODY_BYTES_MAX = 16 * 1024;

const ROUTES: Readonly<Record<string, { readonly method: "GET" | "POST"; readonly route: Route }>> = {
  "/": { method: "GET", route: "page" },
  "/?present": { method: "GET", route: "page" },
  "/favicon.ico": { method: "GET", route: "icon" },
  "/metrics": { method: "GET", route: "metrics" },
  "/api/stream": { method: "POST", route: "stream" },
  "/api/command": { method: "POST", route: "command" },
  "/api/catalogue": { method: "POST", route: "catalogue" },
};

export function admit(request: RequestHead, { port, token }: GateOptions): Admission {
  const host = header(request, "host");
  const hosts = [`127.0.0.1:${port}`, `localhost:${port}`];
  if (!hosts.includes(host)) return refuse(421, "HOST", `this server is ${hosts[0]}, not "${host}"`);
  const origin = header(request, "origin");
  if (origin !== "" && origin !== `http://${host}`)
    return refuse(403, "ORIGIN", "another site's page may not ask here");
  const site = header(request, "sec-fetch-site");
  // The page itself may be opened by typing its address ("none"), everything else is asked by the page only.
  if (site !== "" && site !== "same-origin" && !(site === "none" && request.method === "GET"))
    return refuse(403, "ORIGIN", "another site's page may not ask here");
  const found = Object.hasOwn(ROUTES, request.url) ? ROUTES[request.url] : undefined;
  if (found === undefined) return refuse(404, "NO_SUCH_PATH", "there is nothing here");
  if (request.method !== found.method) return refuse(405, "METHOD", `this is asked by ${found.method}`);
  const { route } = found;
  // They hold nothing that isn't public.
  if (route === "page" || route === "icon") return { ok: true, route };
  if (found.method === "POST") {
    if (origin === "") return refuse(403, "ORIGIN", "a POST must name its origin");
    const type = header(request, "content-type").split(";")[0]?.trim().toLowerCase();
    if (type !== "application/json") return refuse(415, "CONTENT_TYPE", "the body must be application/json");
    const length = Number(header(request, "content-length") || Number.NaN);
    if (Number.isNaN(length)) return refuse(411, "LENGTH", "the body's length must be given");
    if (length > BODY_BYTES_MAX) return refuse(413, "TOO_LONG", `the body may have ${BODY_BYTES_MAX} bytes`);
  }
  if (!isToken(header(request, "authorization"), token))
    return refuse(
      401,
      "TOKEN",
      "the token is missing or isn't this server's: open the address that `lab dash` printed",
    );
  return { ok: true, route };
}

/** In constant time: digests have one length, whatever was sent. */
function isToken(authorization: string, token: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(authorization), digest(`Bearer ${token}`));
}

function header({ headers }: RequestHead, name: string): string {
  const value = headers[name];
  return typeof value === "string" ? value : "";
}

function refuse(status: number, code: string, message: string): Admission {
  return { ok: false, status, code, message };
}

/** Headers of every answer, so that no other page can embed, sniff, keep or refer to it. */
export const SAFE_HEADERS: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};
