/** Amounts of memory as people type them: `256m`, `1.5GB`, in powers of 1024 as Docker's own. A number without a unit is refused. */
import * as z from "zod";
import { checkedBy } from "./checked-by.ts";
import { LabError } from "./lab-error.ts";

const UNIT_BYTES: Readonly<Record<string, number>> = { k: 1024, m: 1024 ** 2, g: 1024 ** 3 };
const BYTES_MAX = 1024 ** 4;

/** @throws LabError("usage") that names `option` and the bounds */
export function parseBytes(text: string, option: string, minBytes: number): number {
  const [, number, unit = ""] = /^(\d+(?:\.\d+)?|\.\d+)([a-z]*)$/i.exec(text.trim()) ?? [];
  const factor = UNIT_BYTES[/^([kmg])(i?b)?$/i.exec(unit)?.[1]?.toLowerCase() ?? ""];
  if (number !== undefined && unit === "")
    throw new LabError("usage", `${option}: ${text} has no unit`, `write ${text}MB`);
  if (number === undefined || factor === undefined)
    throw new LabError("usage", `${option}: "${text}" isn't an amount of memory`, "write 256MB or 1GB");
  const bytes = Math.round(Number(number) * factor);
  if (bytes >= minBytes && bytes <= BYTES_MAX) return bytes;
  throw new LabError("usage", `${option}: a node can't have ${text}`, `write ${minBytes / 1024 ** 2}MB to 1024GB`);
}

/** Of a file: the text as it is written; a bare number gets as far as `parse`, which asks for its unit. */
export function BytesField(parse: (text: string) => number) {
  return z.union([z.string(), z.number()]).transform(String).superRefine(checkedBy(parse));
}
