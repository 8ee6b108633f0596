/**
 * The page as it is served: one file with everything inside, and the policy that lets exactly its own scripts and styles run.
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";

export interface PageFile {
  readonly html: string;
  /** Content-Security-Policy. */
  readonly policy: string;
}

/** @throws when the file can't be read */
export async function loadPage(path: string): Promise<PageFile> {
  const html = await readFile(path, "utf8");
  return { html, policy: describePolicy(html) };
}

/**
 * Inline scripts and styles are named by their hashes: whatever a node's journal may hold, nothing of it runs. What scripts set on
 * elements (CSSOM) is theirs to set; the page talks to its own server only.
 */
export function describePolicy(html: string): string {
  const sources = (tag: "script" | "style"): string => {
    const inline = [...html.matchAll(new RegExp(`<${tag}\\b[^>]*>([\\s\\S]*?)</${tag}>`, "g"))].map(
      ([, text]) => text ?? "",
    );
    const hashes = inline.map((text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`);
    return hashes.length === 0 ? "'none'" : [...new Set(hashes)].join(" ");
  };
  return [
    "default-src 'none'",
    `script-src ${sources("script")}`,
    `style-src ${sources("style")}`,
    "style-src-attr 'unsafe-inline'",
    "img-src data: blob:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}

/** The page that is shown where the real one wasn't built. */
export const MISSING_PAGE = `<!doctype html><meta charset="utf-8"><title>lab dash</title>
<p>The page isn't built: run <code>npm run build</code> in the project's folder, then reload.</p>
`;
