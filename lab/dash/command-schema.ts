/**
 * What a command may hold. Words go onto a command line of `lab`, so none may begin with a dash or hold a space.
 */
import * as z from "zod";
import type { CatalogueRequest, DashCommand, StreamRequest } from "./protocol.ts";

const Nodes = z
  .string()
  .regex(/^[a-z0-9][a-z0-9,-]{0,999}$/, "name nodes: 3, 1,2, 1-3, leader, followers, random, all");
const SpanMs = z.int().min(100).max(604_800_000).optional();
const DelayMs = z.int().min(0).max(60_000).optional();
const Chance = z.number().min(0).max(1).optional();
const FileName = z.string().regex(/^(?:bugs\/)?[a-z0-9][a-z0-9-]{0,80}\.ya?ml$/, "name a file of compose/scenarios");

/** zod says `| undefined` of what may be absent; that is the same in JSON. */
type Loose<T> = { [K in keyof T]: T[K] | undefined };

const Command = z.discriminatedUnion("verb", [
  z.strictObject({ verb: z.enum(["kill", "stop", "start", "restart", "resume", "leave"]), nodes: Nodes }),
  z.strictObject({ verb: z.enum(["unplug", "plug"]), nodes: Nodes }),
  z.strictObject({ verb: z.enum(["pause", "isolate"]), nodes: Nodes, forMs: SpanMs }),
  z.strictObject({
    verb: z.literal("partition"),
    groups: z.array(Nodes).min(1).max(64),
    oneWay: z.boolean().optional(),
    forMs: SpanMs,
  }),
  z.strictObject({
    verb: z.literal("netem"),
    nodes: Nodes,
    delayMs: DelayMs,
    jitterMs: DelayMs,
    loss: Chance,
    duplicate: Chance,
    reorder: Chance,
    rateBps: z.int().min(0).max(10_000_000_000).optional(),
    from: Nodes.optional(),
    to: Nodes.optional(),
    both: z.boolean().optional(),
    forMs: SpanMs,
  }),
  z.strictObject({
    verb: z.literal("heal"),
    what: z
      .array(z.string().regex(/^[a-z0-9][a-z0-9,-]*$/))
      .max(64)
      .optional(),
  }),
  z.strictObject({
    verb: z.enum(["sell", "buy"]),
    from: Nodes,
    peer: Nodes,
    amount: z.int().min(1).max(Number.MAX_SAFE_INTEGER),
  }),
  z.strictObject({ verb: z.literal("scale"), count: z.int().min(1).max(1_000) }),
  z.strictObject({ verb: z.literal("election"), node: Nodes.optional() }),
  z.strictObject({
    verb: z.literal("scenario"),
    file: FileName,
    pace: z.enum(["step", "whole"]),
    isCured: z.literal(true).optional(),
  }),
  z.strictObject({ verb: z.enum(["next", "end-scenario"]) }),
]);

const Stream = z.strictObject({
  run: z.string().max(200).nullable(),
  resume: z.strictObject({ server: z.string().max(80), next: z.int().min(0) }).nullable(),
});

const Catalogue = z.strictObject({ all: z.literal(true).optional() });

type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly message: string };

export function parseCommand(json: unknown): Parsed<DashCommand> {
  return parse(Command, json) as Parsed<Loose<DashCommand>> as Parsed<DashCommand>;
}

export function parseStreamRequest(json: unknown): Parsed<StreamRequest> {
  return parse(Stream, json);
}

export function parseCatalogueRequest(json: unknown): Parsed<CatalogueRequest> {
  return parse(Catalogue, json) as Parsed<CatalogueRequest>;
}

function parse<T>(schema: z.ZodType<T>, json: unknown): Parsed<T> {
  const parsed = schema.safeParse(json);
  if (parsed.success) return { ok: true, value: parsed.data };
  const [issue] = parsed.error.issues;
  const path = issue === undefined ? "" : issue.path.join(".");
  return { ok: false, message: `${path === "" ? "the request" : path}: ${issue?.message ?? "isn't valid"}` };
}
