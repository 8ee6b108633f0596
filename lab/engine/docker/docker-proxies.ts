/**
 * The proxies of the Docker configuration (`proxies` in config.json), which docker's own client hands to every build as arguments that
 * a Dockerfile needn't name. Variables of the environment win, as there.
 */
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";

type Environment = Readonly<Record<string, string | undefined>>;

const NAMES = {
  httpProxy: "HTTP_PROXY",
  httpsProxy: "HTTPS_PROXY",
  ftpProxy: "FTP_PROXY",
  noProxy: "NO_PROXY",
  allProxy: "ALL_PROXY",
};

/** Build arguments, in capitals and in small letters. @param host the engine's address: it may have proxies of its own */
export async function readProxies(host: string, environment: Environment): Promise<Readonly<Record<string, string>>> {
  const folder = environment.DOCKER_CONFIG || join(homedir(), ".docker");
  const text = await readFile(join(folder, "config.json"), "utf8").catch(() => "{}");
  const found = readConfigured(text);
  const proxies = found[host] ?? found.default ?? {};
  return Object.fromEntries(
    Object.entries(NAMES).flatMap(([key, name]) => {
      const value = proxies[key];
      return typeof value === "string" && value !== "" ? [name, name.toLowerCase()].map((one) => [one, value]) : [];
    }),
  );
}

function readConfigured(text: string): Readonly<Record<string, Readonly<Record<string, unknown>>>> {
  try {
    return (JSON.parse(text) as { proxies?: Record<string, Record<string, unknown>> } | null)?.proxies ?? {};
  } catch {
    return {};
  }
}
