/** The rules of other tools for our exports: validators written from the formats' descriptions. Each returns its complaints; an empty list is good. */
import * as z from "zod";

/** The part of Mermaid's grammar for sequence diagrams that we use; anything else is a complaint. */
export function findMermaidComplaints(text: string): string[] {
  const [head, ...lines] = text.trimEnd().split("\n");
  const declared = new Set<string>();
  const complaints = head === "sequenceDiagram" ? [] : [`begins with "${head}"`];
  for (const line of lines) {
    const participant = /^ {2}participant (\w+) as [\w ]+$/.exec(line);
    if (participant?.[1] !== undefined) declared.add(participant[1]);
    const arrow = /^ {2}(\w+)(?:->>|-x)(\w+): [^;#:]+$/.exec(line);
    const note = /^ {2}Note over (\w+)(?:,(\w+))?: [^;#]+$/.exec(line);
    if (participant === null && arrow === null && note === null) complaints.push(`no statement: ${line}`);
    for (const name of [arrow?.[1], arrow?.[2], note?.[1], note?.[2]])
      if (name !== undefined && !declared.has(name)) complaints.push(`${name} isn't declared: ${line}`);
  }
  return complaints;
}

const TraceEvent = z.strictObject({
  name: z.string().min(1),
  ph: z.enum(["M", "X", "i", "b", "e", "s", "f", "C"]),
  pid: z.int().min(0),
  tid: z.int().min(0),
  ts: z.int().min(0),
  cat: z.string().optional(),
  dur: z.int().min(1).optional(),
  id: z.int().min(1).optional(),
  bp: z.literal("e").optional(),
  s: z.enum(["p", "t"]).optional(),
  args: z.record(z.string(), z.unknown()).optional(),
});
const Trace = z.object({ displayTimeUnit: z.enum(["ms", "ns"]), traceEvents: z.array(TraceEvent) });

/** Trace Event Format: slices of a track nest or follow, every flow and every async slice begins and ends. */
export function findTraceComplaints(text: string): string[] {
  const { traceEvents } = Trace.parse(JSON.parse(text));
  const complaints: string[] = [];
  const pairs = new Map<string, string>();
  for (const { ph, id, cat, pid } of traceEvents) {
    if (ph === "s" || ph === "f") pairs.set(`flow ${id}`, `${pairs.get(`flow ${id}`) ?? ""}${ph}`);
    if (ph === "b" || ph === "e")
      pairs.set(`async ${pid} ${cat} ${id}`, `${pairs.get(`async ${pid} ${cat} ${id}`) ?? ""}${ph}`);
  }
  for (const [name, phases] of pairs) if (!["sf", "fs", "be"].includes(phases)) complaints.push(`${name}: ${phases}`);
  const slices = Map.groupBy(
    traceEvents.filter(({ ph }) => ph === "X"),
    ({ pid, tid }) => `${pid}/${tid}`,
  );
  for (const [track, events] of slices) {
    let endUs = 0;
    for (const { ts, dur = 0, name } of events.sort((a, b) => a.ts - b.ts)) {
      if (ts < endUs) complaints.push(`${track}: ${name} at ${ts} begins before the one before it ends`);
      endUs = ts + dur;
    }
  }
  // An arrow starts and ends in a slice, or it isn't drawn.
  for (const { ph, pid, tid, ts, name } of traceEvents)
    if (
      (ph === "s" || ph === "f") &&
      !slices.get(`${pid}/${tid}`)?.some((slice) => slice.ts <= ts && ts <= slice.ts + (slice.dur ?? 0))
    )
      complaints.push(`flow ${name} at ${ts} is outside of every slice`);
  return complaints;
}

const Nanos = z.string().regex(/^\d{19}$/);
const Value = z.union([
  z.strictObject({ stringValue: z.string() }),
  z.strictObject({ intValue: z.string().regex(/^-?\d+$/) }),
  z.strictObject({ boolValue: z.boolean() }),
]);
const Attributes = z.array(z.strictObject({ key: z.string().min(1), value: Value }));
const Span = z.strictObject({
  traceId: z.string().regex(/^(?!0{32})[0-9a-f]{32}$/),
  spanId: z.string().regex(/^(?!0{16})[0-9a-f]{16}$/),
  parentSpanId: z
    .string()
    .regex(/^[0-9a-f]{16}$/)
    .optional(),
  name: z.string().min(1),
  kind: z.int().min(1).max(5),
  startTimeUnixNano: Nanos,
  endTimeUnixNano: Nanos,
  attributes: Attributes,
  events: z.array(z.strictObject({ timeUnixNano: Nanos, name: z.string(), attributes: Attributes })),
  status: z.strictObject({ code: z.int().min(0).max(2), message: z.string().optional() }),
});
/** opentelemetry/proto/collector/trace/v1, in protobuf's JSON. */
export const OtlpRequest = z.strictObject({
  resourceSpans: z.array(
    z.strictObject({
      resource: z.strictObject({ attributes: Attributes }),
      scopeSpans: z.array(z.strictObject({ scope: z.strictObject({ name: z.string() }), spans: z.array(Span) })),
    }),
  ),
});

/** RFC 4180: all records have as many fields as the first; quotes are doubled; lines end with CRLF. */
export function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  for (const match of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/g)) {
    row.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? "");
    if (match[3] === ",") continue;
    rows.push(row);
    row = [];
  }
  const length = rows.flat().length;
  if (rows.some((cells) => cells.length !== rows[0]?.length) || row.length > 0)
    throw new Error(`rows of different length in ${length} cells`);
  return rows;
}

/** Well-formed XML, as far as our SVG goes: tags nest, attributes are quoted, nothing is left unescaped. */
export function findXmlComplaints(text: string): string[] {
  const open: string[] = [];
  const complaints: string[] = [];
  const style = /<style>[^<]*<\/style>/.exec(text)?.[0] ?? "";
  const rest = text.replace(style, "");
  for (const tag of rest.match(/<[^>]*>/g) ?? []) {
    const parts = /^<(\/?)([a-z]\w*)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>$/i.exec(tag);
    if (parts === null) complaints.push(`no tag: ${tag}`);
    else if (parts[1] === "/") {
      if (open.pop() !== parts[2]) complaints.push(`${tag} ends something else`);
    } else if (parts[4] !== "/") open.push(parts[2] ?? "");
  }
  for (const between of rest.split(/<[^>]*>/))
    if (/&(?!(?:amp|lt|gt|quot);)|[<>]/.test(between)) complaints.push(`not escaped: ${between.slice(0, 40)}`);
  if (open.length > 0) complaints.push(`never ended: ${open.join(" ")}`);
  if (/NaN|Infinity|undefined/.test(rest.replaceAll(/<title>[^<]*<\/title>/g, "")))
    complaints.push("a number that is none");
  return complaints;
}
