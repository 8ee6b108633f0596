// Part of `npm run pictures`: draws the architecture from the imports of the sources as they are.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PROJECT_ROOT } from "../support/sources.ts";
import { ARCHITECTURE, drawArchitecture } from "./picture.ts";

const file = join(PROJECT_ROOT, ARCHITECTURE);
const text = drawArchitecture();
const isSame = readFileSync(file, "utf8") === text;
writeFileSync(file, text);
process.stdout.write(`${isSame ? "as before" : "changed  "}  ${ARCHITECTURE}\n`);
