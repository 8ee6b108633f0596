// Whether a program left a folder as it was: names, sizes and contents of all files in it.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** One line a file, in order of names. */
export function hashDirectory(directory: string): string {
  const names = readdirSync(directory).sort();
  return names
    .map(
      (name) =>
        `${name} ${createHash("sha256")
          .update(readFileSync(join(directory, name)))
          .digest("hex")}`,
    )
    .join("\n");
}
