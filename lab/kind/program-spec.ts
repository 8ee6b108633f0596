/**
 * A program that isn't ours, as the field `node:` of a lab file or a scenario describes it: how to start it, when it is ready, what it can be
 * asked and told, and which lines of its output are facts.
 *
 * Pure. `read-program.ts` reads the files that it names.
 */
import * as z from "zod";
import type { NodeId } from "../../node/wire/ids.ts";
import { BytesField, parseBytes } from "../base/memory.ts";

const NAME = /^[a-z][a-z0-9-]{0,29}$/;
const VARIABLES =
  // biome-ignore lint/suspicious/noTemplateCurlyInString: as files write them
  "${id}, ${ip}, ${ip:2} (of node 2), ${peers} (addresses of the other nodes), ${nodes} (all addresses), ${args}";

// biome-ignore lint/suspicious/noTemplateCurlyInString: as files write it
const ARGS = "${args}";

/** The engine's own least. @throws LabError("usage") */
export function parseProgramMemory(text: string, option = "memory"): number {
  return parseBytes(text, option, 6 * 1024 ** 2);
}

/** Text in which variables are filled in; `$${` stands for `${`. */
const Text = z.string().superRefine((text, context) => {
  for (const [all, name] of text.matchAll(/\$\$\{|\$\{([^}]*)\}/g)) {
    if (name === undefined || /^(id|ip|ip:[1-9]\d{0,4}|peers|nodes|args)$/.test(name)) continue;
    const params = { hint: `variables are ${VARIABLES}; write $\${ for a literal \${` };
    context.addIssue({ code: "custom", message: `there is no variable ${all}`, params });
  }
});
const Word = z.union([Text, z.number().transform(String), z.boolean().transform(String)]);
const Command = z
  .union([z.array(Word).min(1), Text.transform((line) => ["sh", "-c", line])])
  .meta({ description: "words, or a line for `sh -c`" });
const Port = z.int().min(1).max(65_535);

const Pattern = z.string().superRefine((source, context) => {
  try {
    new RegExp(source, "u");
  } catch (error) {
    context.addIssue({
      code: "custom",
      message: (error as Error).message,
      params: { hint: "write a JavaScript regular expression" },
    });
  }
});

const As = z.enum(["json", "lines", "text"]).optional().meta({ description: "form of the answer (default: text)" });
const Question = z.union([
  z.strictObject({ exec: Command, as: As }),
  z.strictObject({ udp: Port, send: Text, as: As }),
]);
export type Question = z.output<typeof Question>;

const Ready = z.union([
  z.strictObject({ log: Pattern.meta({ description: "a line that matches" }) }),
  z.strictObject({ exec: Command.meta({ description: "a command in the node that succeeds" }) }),
  z.strictObject({ udp: Port.meta({ description: "a port that answers" }), send: Text }),
  z.literal("health").meta({ description: "the health check of the image" }),
]);

const Fact = z
  .object({
    match: Pattern.meta({ description: "lines that tell the fact; named groups become fields" }),
    kind: z.string().regex(NAME, "must be a name such as leader").meta({ description: "name of the fact" }),
  })
  .catchall(z.union([z.string(), z.number().transform(String), z.boolean().transform(String)]));
export type Fact = z.output<typeof Fact>;

const questions = z.record(z.string().regex(NAME, "must be a name such as members"), Question);

export const ProgramFields = z
  .strictObject({
    image: z.string().min(1).optional().meta({ description: "container image" }),
    build: z.string().min(1).optional().meta({ description: "folder with a Dockerfile, seen from this file" }),
    command: Command.optional().meta({
      description: `command line (default: the image's own); variables: ${VARIABLES}`,
    }),
    env: z.record(z.string().regex(/^[A-Za-z_]\w*$/, "must be the name of a variable"), Word).optional(),
    files: z
      .record(z.string().regex(/^\/[^\0]+$/, "must be a path in the node, from /"), z.string())
      .optional()
      .meta({ description: "files put into each node before it starts: /etc/x.conf: ./x.conf" }),
    ready: Ready.optional().meta({ description: "when a node can be used (default: half a second after its start)" }),
    network: z
      .strictObject({
        udp: z.array(Port).optional().meta({ description: "ports that a ready node listens on" }),
        groups: z.array(z.ipv4()).optional().meta({ description: "multicast groups" }),
        outside: z.boolean().optional().meta({ description: "whether nodes reach other networks (default: true)" }),
      })
      .optional(),
    ask: questions.optional().meta({ description: "questions for `lab ask` and conditions" }),
    tell: questions.optional().meta({ description: "orders for `lab tell`" }),
    facts: z
      .array(Fact)
      .optional()
      .meta({ description: "lines of the output that become events and columns of `lab ps`" }),
    messages: z
      .strictObject({ decode: z.string().meta({ description: "none, json, msgpack, or a module ./decode.js" }) })
      .optional(),
    memory: BytesField(parseProgramMemory).optional().meta({ description: "limit: 256MB (default: 1GB)" }),
    processes: z.int().min(1).max(65_536).optional().meta({ description: "limit (default: 1024)" }),
  })
  .superRefine(({ image, build, command }, context) => {
    if (image === undefined && build === undefined && command === undefined) {
      const params = { hint: "name an `image:`, a folder to `build:`, or for --runtime local a `command:`" };
      context.addIssue({ code: "custom", message: "nothing says what to start", params });
    }
  });
export type ProgramFields = z.output<typeof ProgramFields>;

/** All of it, with what its files hold: enough to start a node anywhere. */
export interface Program extends Omit<ProgramFields, "files" | "build"> {
  /** Contents by path in the node, in Base64. */
  readonly files: Readonly<Record<string, string>>;
  /** The folder that `image` is built from, absolute; null: it is pulled. */
  readonly build: string | null;
  /** Each datagram is recorded, at both ends. */
  readonly tap?: boolean;
  /** Folder of the lab file: decoders are found from here, and local processes run in it. */
  readonly folder: string;
}

export interface Place {
  readonly id: NodeId;
  /** By node: the addresses of all. */
  readonly addresses: ReadonlyMap<NodeId, string>;
  readonly args?: readonly string[];
}

/** Fills the variables in. */
export function fillIn(text: string, { id, addresses, args = [] }: Place): string {
  return text.replaceAll(/\$\$\{|\$\{([^}]*)\}/g, (_all, name?: string) => {
    if (name === undefined) return "${";
    const others = [...addresses].filter(([other]) => other !== id).map(([, address]) => address);
    if (name === "id") return String(id);
    if (name === "peers") return others.join(",");
    if (name === "nodes") return [...addresses.values()].join(",");
    if (name === "args") return args.join(" ");
    const of = name === "ip" ? id : Number(name.slice("ip:".length));
    return addresses.get(of) ?? "";
  });
}

/** A word that is `${args}` alone becomes as many words as there are. */
export function fillWords(words: readonly string[], place: Place): readonly string[] {
  return words.flatMap((word) => (word === ARGS ? (place.args ?? []) : [fillIn(word, place)]));
}
