/** `events`, `export`: what happened, and pictures of it. */
import { Argument, type Command } from "commander";
import { NEXT } from "../../base/next.ts";
import type { LabHandle } from "../../cluster/lab-handle.ts";
import type { Entry } from "../../journal/entry.ts";
import type { EntryFilter } from "../../journal/filter.ts";
import type { Journal } from "../../journal/journal.ts";
import { addNotes, type Note } from "../ui/notes.ts";
import type { CommandContext } from "./context.ts";

/** How often one looks whether nodes have come. */
const REFRESH_MS = 500;

const EVENT_NOTES: readonly Note[] = [
  "How much the nodes record is fixed when the lab is made: up --journal events, detailed (deliveries too) or wire (messages too).",
  "-o json prints the entries, one a line.",
];

const EXPORT_NOTES: readonly Note[] = [
  "Formats:",
  [
    ["svg", "space-time diagram: nodes as columns, messages as arrows, faults as bands"],
    ["mermaid", "sequence diagram for GitHub, of the part in which most happened, or of --from to --to"],
    ["shiviz", "log for https://bestchai.bitbucket.io/shiviz/"],
    ["tsviz", "the same with times"],
    ["perfetto", "trace for https://ui.perfetto.dev"],
    ["otlp", "OpenTelemetry traces (JSON), a trace for each trade"],
    ["csv", "every line of the journal as a row"],
    ["kubernetes", "manifests of the lab that --file describes, keys included; no lab has to run"],
  ],
  "Arrows need a lab that records messages: up --journal wire.",
];

export function registerJournalCommands(program: Command, context: CommandContext): void {
  addNotes(
    program
      .command("events")
      .helpGroup("Look:")
      .description("show the journal of all nodes and of what the lab did to them, causes before effects")
      .option("--type <words>", "show these types only: election,member,trade,fault,… or messages: TRADE_CONFIRM,…")
      .option("--node <nodes>", "show these nodes only, and what was done to them")
      .option("--since <time>", "show the last 30s, 5m, … only")
      .option("-f, --follow", "show new lines until Ctrl-C; each waits up to 0.2 s for lines that belong before it")
      .option("--no-heartbeats", "leave out heartbeats and probes")
      .option("--run <folder>", "read a stored run instead of a lab")
      .action((flags: EventFlags) => events(context, flags)),
    context.caller.prefix,
    EVENT_NOTES,
  );

  addNotes(
    program
      .command("export")
      .helpGroup("Look:")
      .description("export the journal as a picture or for another tool, or a lab for Kubernetes")
      .addArgument(new Argument("<format>", "format of the export").choices(FORMAT_NAMES))
      .option("--from <time>", "begin this long after the journal's first line: 10s")
      .option("--to <time>", "end this long after the journal's first line")
      .option("--nodes <nodes>", "only these nodes: 1,2 or 1-3")
      .option("--heartbeats", "in svg and mermaid: draw heartbeats and probes too")
      .option("--no-heartbeats", "leave out heartbeats and probes (in svg: don't count them either)")
      .option("--run <folder>", "read a stored run instead of a lab")
      .option("-f, --file <path>", "for kubernetes: the lab, in a file like compose/lab.yaml")
      .option("-O, --out <file>", "write to a file instead of stdout")
      .action(async (format: string, flags: ExportFlags) => {
        const isLab = format === "kubernetes";
        const text = await (isLab ? exportLab(context, flags) : exportJournal(context, format, flags));
        await write(context, flags.out, text, isLab ? 0o600 : 0o666);
      }),
    "",
    EXPORT_NOTES,
  );
}

const JOURNAL_FORMATS = ["svg", "mermaid", "shiviz", "tsviz", "perfetto", "otlp", "csv"];
const FORMAT_NAMES = [...JOURNAL_FORMATS, "kubernetes"];

interface ExportFlags {
  from?: string;
  to?: string;
  nodes?: string;
  heartbeats?: boolean;
  run?: string;
  file?: string;
  out?: string;
}

/** Of a lab that may not exist. */
async function exportLab(context: CommandContext, { file, out: _out, ...selection }: ExportFlags): Promise<string> {
  const [{ LabError }, { readRequest }, { planFor }, { renderKubernetes }, { planImage }, { REAL_WORLD }] =
    await Promise.all([
      import("../../base/lab-error.ts"),
      import("./read-request.ts"),
      import("../../cluster/execute-up.ts"),
      import("../../cluster/kubernetes.ts"),
      import("../../engine/docker/docker-image.ts"),
      import("../../control/real-world.ts"),
    ]);
  const [unfit] = Object.keys(selection);
  if (unfit !== undefined)
    throw new LabError("usage", `--${unfit} chooses a part of a journal`, "write export kubernetes --file LAB.yaml");
  // How it would lie on a swarm says nothing about a cluster.
  const { swarm: _swarm, ...request } = (await readRequest(context, file === undefined ? {} : { file })).request;
  const plan = planFor({ name: "docker", world: REAL_WORLD }, request);
  if ((request.latencies ?? []).length > 0)
    context.printer.say("latency: is left out: faults are set on a lab that runs");
  const { tag } = await planImage(context.progress);
  const text = renderKubernetes(plan, tag);
  context.printer.clear();
  context.printer.say("never run on a cluster by its authors: try kubectl apply --dry-run=server first");
  if (!process.env.LAB_NODE_IMAGE)
    context.printer.say(`push ${tag} to a registry of the cluster, and name it there in LAB_NODE_IMAGE`);
  return text;
}

async function exportJournal(context: CommandContext, name: string, flags: ExportFlags): Promise<string> {
  const [{ FORMATS }, { requireSome }, { LabError }, { parseDuration }] = await Promise.all([
    import("../../export/formats.ts"),
    import("../../export/export-options.ts"),
    import("../../base/lab-error.ts"),
    import("../../base/duration.ts"),
  ]);
  if (flags.file !== undefined)
    throw new LabError("usage", `--file is for kubernetes: ${name} shows a journal`, "name a lab, or --run FOLDER");
  const [fromMs, toMs] = [flags.from, flags.to].map((text, i) =>
    text === undefined ? undefined : text === "0" ? 0 : parseDuration(text, i === 0 ? "--from" : "--to"),
  );
  if (fromMs !== undefined && toMs !== undefined && toMs <= fromMs)
    throw new LabError(
      "usage",
      `--to ${flags.to} isn't after --from ${flags.from}`,
      "both are spans since the journal's first line",
    );
  const options = {
    ...(fromMs !== undefined && { fromMs }),
    ...(toMs !== undefined && { toMs }),
    ...(flags.nodes !== undefined && { nodes: [...(await readIds(flags.nodes))] }),
    ...(flags.heartbeats !== undefined && { heartbeats: flags.heartbeats }),
  };
  const journal = await openJournal(context, flags.run);
  const format = FORMATS[name];
  if (format === undefined)
    throw new LabError("usage", `there is no format "${name}"`, `use ${JOURNAL_FORMATS.join(", ")}`);
  requireSome(journal, options, format.shows);
  if (format.shows === "messages" && !journal.entries.some(({ kind }) => kind === "send")) {
    context.printer.say("there are no arrows: the nodes of this lab write down no messages");
    context.next(NEXT.journalWire());
  }
  return format.render(journal, options);
}

async function write(context: CommandContext, out: string | undefined, text: string, mode: number): Promise<void> {
  if (out === undefined) {
    context.printer.write(text);
    return;
  }
  const { writeFile } = await import("node:fs/promises");
  try {
    await writeFile(out, text, { mode });
  } catch (error) {
    throw (await import("../../base/system-error.ts")).cantWrite(out, error, "name another file");
  }
  context.printer.say(`wrote ${out}`);
}

async function openJournal(context: CommandContext, folder: string | undefined): Promise<Journal> {
  if (folder !== undefined) return await (await import("../../journal/stored-run.ts")).readRun(folder);
  const { collectJournal } = await import("../../cluster/collect.ts");
  return await context.withLab((lab) => collectJournal(lab, { signal: context.signal }));
}

interface EventFlags {
  type?: string;
  node?: string;
  since?: string;
  follow?: boolean;
  heartbeats: boolean;
  run?: string;
}

async function events(context: CommandContext, flags: EventFlags): Promise<void> {
  const [{ LabError }, { isWanted, parseTypes }, { renderEvent }] = await Promise.all([
    import("../../base/lab-error.ts"),
    import("../../journal/filter.ts"),
    import("../ui/event-line.ts"),
  ]);
  if (flags.run !== undefined && flags.follow === true)
    throw new LabError("usage", "a stored run has come to its end: --follow would wait for ever", "leave --follow out");
  context.finishOnInterrupt();
  const types = flags.type === undefined ? null : parseTypes(flags.type);
  const sinceAt = await readSince(flags.since);
  const show = (entries: readonly Entry[], filter: EntryFilter): void => {
    const wanted = entries.filter((entry) => isWanted(entry, filter));
    for (const entry of wanted) context.printer.item(entry, renderEvent(entry, context.printer.color));
    if (wanted.length === 0 && flags.follow !== true)
      context.printer.say(
        entries.length === 0 ? "the journal has no lines" : `none of ${entries.length} lines was selected`,
      );
  };
  if (flags.run !== undefined) {
    const { readRun } = await import("../../journal/stored-run.ts");
    const { entries } = await readRun(flags.run);
    const endMs = entries.reduce((last, { time }) => Math.max(last, time), Number.NEGATIVE_INFINITY);
    const nodes = flags.node === undefined ? null : await readIds(flags.node);
    const sinceMs = sinceAt(endMs);
    show(entries, { types, nodes, sinceMs, heartbeats: flags.heartbeats });
    return;
  }
  await context.withLab(async (lab) => {
    const nodes = flags.node === undefined ? null : new Set((await lab.resolve(flags.node)).map(({ id }) => id));
    const sinceMs = sinceAt(lab.clock.wallMs());
    const filter = { types, nodes, sinceMs, heartbeats: flags.heartbeats };
    if (flags.follow === true) await followEvents(context, lab, filter, show);
    else {
      const { collectJournal } = await import("../../cluster/collect.ts");
      show((await collectJournal(lab, { sinceMs, signal: context.signal })).entries, filter);
    }
  });
}

async function followEvents(
  context: CommandContext,
  lab: LabHandle,
  filter: EntryFilter,
  show: (entries: readonly Entry[], filter: EntryFilter) => void,
): Promise<void> {
  const [{ followJournal }, { REAL_CLOCK, sleep }] = await Promise.all([
    import("../../cluster/follow-journal.ts"),
    import("../../base/lab-clock.ts"),
  ]);
  const { signal } = context;
  const following = followJournal(lab, {
    tail: null,
    signal,
    onEntries: (entries) => show(entries, filter),
    onTrouble: (why) => context.printer.say(why ?? "the engine answers again"),
  });
  // Nodes may come; and in virtual time nothing happens unless somebody waits.
  const clocks = [...new Set([REAL_CLOCK, lab.clock])];
  while (!signal.aborted) {
    await lab.refresh();
    await Promise.all(clocks.map((clock) => sleep(clock, REFRESH_MS, signal).catch(() => {})));
  }
  await following;
}

/** Resolves to the instant that `--since` means at another one; it is read before a lab is looked for. */
async function readSince(text: string | undefined): Promise<(nowMs: number) => number | null> {
  if (text === undefined) return () => null;
  const { parseDuration } = await import("../../base/duration.ts");
  const spanMs = parseDuration(text, "--since");
  return (nowMs) => nowMs - spanMs;
}

/** Of what is past: nobody can be asked who led it. */
async function readIds(text: string): Promise<ReadonlySet<number>> {
  const [{ parseSelector }, { LabError }] = await Promise.all([
    import("../../cluster/selectors.ts"),
    import("../../base/lab-error.ts"),
  ]);
  return new Set(
    parseSelector(text).flatMap((part) => {
      if (part.type === "id") return [part.id];
      if (part.type === "range") return Array.from({ length: part.to - part.from + 1 }, (_, i) => part.from + i);
      throw new LabError(
        "usage",
        `nodes: a journal has no "${part.type === "word" ? part.word : "random"}"`,
        "write numbers: 3, 1,2 or 1-3",
      );
    }),
  );
}
