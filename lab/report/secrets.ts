/**
 * Keeps secrets out of reports: the control token and the cluster's keys. Reports are sent around, and CI keeps them for everybody.
 *
 * Two nets. The values that are known are replaced wherever they came from, before anything is rendered (a page packs its journal: then
 * it is too late) and again in every file just before it is written; and what stands behind a secret's name is replaced, known or not.
 */
import type { LabInfo, LabSpec } from "../engine/engine.ts";

export const REMOVED = "[removed]";

/** Names of the variables that hold secrets themselves (those that end in _FILE name a file, which is no secret). */
const SECRET_VARIABLES = ["DS_KEYS", "DS_CONTROL_TOKEN"];

const SHORTEST = 8;

/** Every value that must be replaced: whole, and each key without its number. */
export function listSecrets(spec: LabSpec | null, info: LabInfo | null): readonly string[] {
  const values = [
    spec?.token,
    info?.token,
    ...splitKeys(spec?.keys),
    ...SECRET_VARIABLES.flatMap((name) => splitKeys(spec?.env[name])),
  ];
  const long = values.filter((value): value is string => typeof value === "string" && value.length >= SHORTEST);
  // The longer first: what is part of another must not break it.
  return [...new Set(long)].sort((a, b) => b.length - a.length);
}

/** Environment variables as a report shows them. */
export function withoutSecrets(env: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).map(([name, value]) => [name, SECRET_VARIABLES.includes(name) ? REMOVED : value]),
  );
}

/** `text` without any of these values. */
export function replaceSecrets(text: string, secrets: readonly string[]): string {
  return secrets.reduce((masked, secret) => masked.replaceAll(secret, REMOVED), text);
}

/** The same, and without what is assigned to a secret's name in JSON, YAML or a shell. */
export function maskSecrets(text: string, secrets: readonly string[]): string {
  return replaceSecrets(text, secrets).replaceAll(ASSIGNED, (_all, name: string) => `${name}${REMOVED}`);
}

/** A copy of plain data (objects, lists, maps) with every text in it masked. */
export function maskData<T>(value: T, secrets: readonly string[]): T {
  const mask = (item: unknown): unknown => {
    if (typeof item === "string") return item.length < SHORTEST ? item : maskSecrets(item, secrets);
    if (typeof item !== "object" || item === null) return item;
    if (Array.isArray(item)) return item.map(mask);
    if (item instanceof Map) return new Map([...item].map(([key, inner]) => [key, mask(inner)]));
    return Object.fromEntries(
      Object.entries(item).map(([name, inner]) => [name, SECRET_VARIABLES.includes(name) ? REMOVED : mask(inner)]),
    );
  };
  return mask(value) as T;
}

const ASSIGNED = new RegExp(
  `((?:\\b|\\\\")(?:${SECRET_VARIABLES.join("|")})\\b\\\\?["']?\\s*[:=]\\s*\\\\?["']?)(?!\\[removed\\])[^\\s"'\\\\}]+`,
  "g",
);

function splitKeys(keys: string | undefined): readonly string[] {
  if (keys === undefined) return [];
  return [keys, ...keys.split(",").map((key) => key.replace(/^\s*\d+:/, "").trim())];
}
