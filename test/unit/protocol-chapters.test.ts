// The protocol's pages are true: what they list is what the code has, and the code cites sections that exist. Their links, as those of all
// documents: documents.test.ts.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, test } from "vitest";
import type { ZodObject } from "zod";
import { GLOSSARY, linkWord } from "../../lab/base/glossary.ts";
import { TIMING_DEFAULT, TIMING_FAST } from "../../node/core/kernel/timing.ts";
import type { Timing } from "../../node/core/kernel/types.ts";
import { COLUMNS } from "../../node/runtime/ledger-schema.ts";
import { ControlRequest, RefusalCode } from "../../node/wire/control.ts";
import { JournalKind } from "../../node/wire/journal.ts";
import { JOIN_REFUSALS, MESSAGE_TYPES, Message, PeerState, Phase } from "../../node/wire/message.ts";
import { anchorOf, readHeadings, readRelativeLinks, readTableRows } from "../support/doc-commands.ts";

const ROOT = join(import.meta.dirname, "../..");
const CHAPTERS = readdirSync(join(ROOT, "node/protocol")).map((name) => `node/protocol/${name}`);
const PAGES = ["node/PROTOCOL.md", ...CHAPTERS];
const WORDS_MAX = 2_500;

const read = (path: string) => readFileSync(join(ROOT, path), "utf8");
const chapter = (name: string) => read(`node/protocol/${name}.md`);

const anchorsOf = (path: string) => readHeadings(read(path)).map(anchorOf);

/** The names in the first cells of the table rows below a heading. */
function firstCells(page: string, heading: string): string[] {
  const [, below = ""] = page.split(`\n## ${heading}\n`);
  const section = below.split("\n## ")[0] ?? "";
  const [, ...rows] = readTableRows(section, /./);
  return rows.flatMap(([cell = ""]) => cell.replaceAll("`", "").split(", "));
}

describe.each(PAGES)("%s", (path) => {
  const page = read(path);

  test(`must have fewer than ${WORDS_MAX} words`, () => {
    expect(page.split(/\s+/).length).toBeLessThan(WORDS_MAX);
  });

  test("must open with a paragraph for newcomers: prose, before any table, list or section", () => {
    const [title = "", opening = ""] = page.split("\n\n");
    expect(title).toMatch(/^# \w/);
    expect(opening).toMatch(/^[A-Z]/);
    expect(opening.split(/\s+/).length).toBeGreaterThan(25);
  });

  test("must name tests that exist", () => {
    const named = [...page.matchAll(/`(test\/[\w/.-]+)`(?: «([^»]+)»)?/g)];
    const missing = named.filter(([, file = "", title = ""]) => {
      if (!existsSync(join(ROOT, file))) return true;
      return title !== "" && !read(file).includes(title);
    });
    expect(missing.map(([text]) => text)).toEqual([]);
  });
});

test("node/PROTOCOL.md must list every chapter, name a test for each promise, and be shipped with its chapters", () => {
  const page = read("node/PROTOCOL.md");
  const listed = readRelativeLinks(page);
  expect(CHAPTERS.map((path) => relative("node", path)).filter((path) => !listed.includes(path))).toEqual([]);
  const promises = readTableRows(page, /^[SLD]\d+$/);
  expect(promises.length).toBe(16);
  expect(promises.filter((cells) => !cells[3]?.includes("`test/"))).toEqual([]);
  const { files } = JSON.parse(read("package.json")) as { files: string[] };
  expect(files).toEqual(expect.arrayContaining(["node/PROTOCOL.md", "node/protocol"]));
});

test("the code must cite pages and sections that exist", () => {
  const sources = ["node", "lab", "test"].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
      .filter((file) => /\.tsx?$/.test(file))
      .map((file) => `${folder}/${file}`),
  );
  const cited = sources.flatMap((source) =>
    [...read(source).matchAll(/\b(node\/(?:protocol\/[\w-]+|PROTOCOL)\.md)(?:#([\w-]+))?/g)].map(
      ([text, file = "", anchor]) => ({ source, text, file, anchor }),
    ),
  );
  expect(cited.length).toBeGreaterThan(40);
  const broken = cited.filter(
    ({ file, anchor }) => !existsSync(join(ROOT, file)) || (anchor !== undefined && !anchorsOf(file).includes(anchor)),
  );
  expect(broken).toEqual([]);
});

test("words.md must define each word once, in alphabetical order, those of the glossary among them", () => {
  const words = [...chapter("words").matchAll(/^## (.+)$/gm)].map(([, word = ""]) => word.toLowerCase());
  expect(words.length).toBeGreaterThan(60);
  expect(words).toEqual([...new Set(words)].sort());
  const anchors = anchorsOf("node/protocol/words.md").map((anchor) => `node/protocol/words.md#${anchor}`);
  expect(GLOSSARY.map(({ term }) => linkWord(term)).filter((link) => !anchors.includes(link))).toEqual([]);
});

describe("messages.md", () => {
  test("must say of every type when it is sent", () => {
    expect(firstCells(chapter("messages"), "Types").sort()).toEqual([...MESSAGE_TYPES].sort());
  });

  test("must name the fields of every message, and no others", () => {
    const documented = readTableRows(chapter("messages"), /^[A-Z_]+$/)
      .filter((cells) => cells.length === 2)
      .map(([type = "", fields = ""]) => [type, [...fields.matchAll(/`(\w+)`/g)].map(([, name = ""]) => name).sort()]);
    const accepted = Message.options.map(({ shape }) => [
      shape.message_type.value,
      Object.keys((shape.payload as ZodObject).shape).sort(),
    ]);
    expect(Object.fromEntries(documented)).toEqual(Object.fromEntries(accepted));
  });
});

test.each<[string, keyof Timing]>([
  ["heartbeat", "heartbeatMs"],
  ["probe round", "probeIntervalMs"],
  ["suspicion, at least", "suspicionMinMs"],
  ["suspicion, at most", "heartbeatTimeoutMs"],
  ["discovery", "discoveryMs"],
  ["rank delay", "rankDelayMs"],
  ["wait for COORDINATOR", "electionTimeoutMs"],
  ["NAK backoff", "nakBackoffMs"],
  ["own log in doubt", "ownLogDoubtMs"],
  ["offer", "offerTimeoutMs"],
  ["longest pause between repetitions", "retransmitCapMs"],
])("timers.md must give the timer «%s» its values", (label, key) => {
  const [row] = readTableRows(chapter("timers"), new RegExp(`^${label}$`));
  const [slow, fast] = [TIMING_DEFAULT[key], TIMING_FAST[key]].map((ms) => ms.toLocaleString("en"));
  const value = slow === fast ? `${slow}` : `${slow} / ${fast}`;
  expect(row?.[1]).toMatch(new RegExp(`(^|to )${value}($|[ ,])`));
});

test.each<[string, string, string, readonly string[]]>([
  ["membership", "A node's phases", "phase", Phase.options],
  ["joining", "Refusals", "refusal of a JOIN", JOIN_REFUSALS],
  ["control", "Operations", "operation", ControlRequest.options.map(({ shape }) => shape.op.value)],
  ["storage", "Writes", "table", Object.keys(COLUMNS)],
  ["journal", "Kinds", "kind of line", JournalKind.options],
])("%s.md, «%s», must have a row for every %s, and no others", (name, heading, _what, expected) => {
  expect(firstCells(chapter(name), heading).sort()).toEqual([...expected].sort());
});

test("membership.md must name every state of a peer, and some chapter every code of a refusal", () => {
  for (const state of PeerState.options) expect(chapter("membership")).toContain(state);
  const text = ["trading", "control", "recovery"].map(chapter).join("\n");
  expect(RefusalCode.options.filter((code) => !new RegExp(`\\b${code}\\b`).test(text))).toEqual([]);
});
