/**
 * A scenario: which lab, what is done to it step by step, what is expected meanwhile, and which promises are checked at the end. The
 * same file runs in virtual time, on local processes and on Docker.
 *
 *   name: leader-failure            nodes: 3            profile: fast
 *   steps:
 *     - sell 1 2 30                 # a command of the lab, without the word lab
 *     - kill: leader                # the same as a map
 *       note: somebody must notice
 *     - wait: { coordinator: 2, within: 10s }
 *     - parallel: [start 3, { load: { rate: 20/s, for: 5s } }]
 *
 * A step is one verb, and around it: `at` (not before this time since the first step), `background` (the next one doesn't wait for it),
 * `note`, `say`, `explain`, `runtimes` and `otherwise` (where a runtime can't do it). The reader gives every step one form (actions.ts);
 * `format.ts` writes it down again.
 */
import * as z from "zod";
import { didYouMean } from "../base/suggest.ts";
import { checkVariables, LAB_FIELDS } from "../cluster/lab-fields.ts";
import { ProgramCheck } from "../kind/check-schema.ts";
import { ACTIONS, type ActionFields, type ActionVerb } from "./actions.ts";
import { Span } from "./values.ts";

export const RUNTIMES = ["sim", "local", "docker", "swarm"] as const;
export type ScenarioRuntime = (typeof RUNTIMES)[number];

/** The fields of a step beside its verb. */
export interface StepNotes {
  /** Not before this time since the first step began. */
  readonly at?: string | undefined;
  /** The next step begins as soon as this one has; what fails here is told, and doesn't end the run. */
  readonly background?: true | undefined;
  /** One line, printed with the step. */
  readonly note?: string | undefined;
  /** For guided experiments: the step in plain words, and the explanation of its outcome. */
  readonly say?: string | undefined;
  readonly explain?: string | undefined;
  /** Where it is done (default: everywhere). */
  readonly runtimes?: readonly ScenarioRuntime[] | undefined;
  /** The step for other runtimes; `skip`: none, and the output says so. */
  readonly otherwise?: "skip" | Step | undefined;
}

/** The verbs that hold other steps. */
export interface Composites {
  readonly parallel: readonly Step[];
  readonly sequence: readonly Step[];
  readonly repeat: { readonly times: number; readonly steps: readonly Step[] };
  /** A round begins every `interval`, at once after a longer one, until `for` is over. */
  readonly every: { readonly interval: string; readonly for: string; readonly steps: readonly Step[] };
}

export type CompositeVerb = keyof Composites;
export type Verb = ActionVerb | CompositeVerb;
export type Fields<V extends Verb> = V extends ActionVerb
  ? ActionFields<V>
  : V extends CompositeVerb
    ? Composites[V]
    : never;
export type Step = StepNotes & { [V in Verb]: { readonly [K in V]: Fields<V> } }[Verb];

export const COMPOSITE_VERBS: readonly CompositeVerb[] = ["parallel", "sequence", "repeat", "every"];
export const VERBS: readonly Verb[] = [...(Object.keys(ACTIONS) as ActionVerb[]), ...COMPOSITE_VERBS];

/** The step's verb and what stands behind it. */
export function verbOf(step: Step): { [V in Verb]: { readonly verb: V; readonly fields: Fields<V> } }[Verb] {
  const verb = VERBS.find((candidate) => candidate in step) as Verb;
  return { verb, fields: (step as never)[verb] } as never;
}

const optionalActions = Object.fromEntries(
  Object.entries(ACTIONS).map(([verb, schema]) => [verb, schema.optional()]),
) as unknown as { [V in ActionVerb]: z.ZodOptional<(typeof ACTIONS)[V]> };

const StepMap: z.ZodType<Step> = z
  .strictObject({
    ...optionalActions,
    get parallel() {
      return Steps.optional().meta({ description: "play steps at the same time, until the last one ends" });
    },
    get sequence() {
      return Steps.optional().meta({ description: "play steps one after the other, as one step (of `parallel`)" });
    },
    get repeat() {
      return z.strictObject({ times: z.int().min(1).max(10_000), steps: Steps }).optional();
    },
    get every() {
      return z.strictObject({ interval: Span, for: Span, steps: Steps }).optional();
    },
    at: Span.optional().meta({ description: "earliest beginning, since the first step began" }),
    background: z
      .literal(true)
      .optional()
      .meta({ description: "begin the next step as soon as this one has begun; a failure doesn't end the run" }),
    note: z.string().optional().meta({ description: "one line, printed with the step" }),
    say: z
      .string()
      .optional()
      .meta({ description: "the step in plain words, for readers who don't know the commands" }),
    explain: z.string().optional().meta({ description: "explanation of the step for readers" }),
    runtimes: z
      .array(z.enum(RUNTIMES))
      .min(1)
      .optional()
      .meta({ description: "runtimes on which the step is done (default: all)" }),
    get otherwise() {
      return z
        .union([z.literal("skip"), StepText, StepMap])
        .optional()
        .meta({ description: "step for other runtimes; skip: none, and the output says so" });
    },
  })
  .superRefine((step, context) => {
    const said = VERBS.filter((verb) => (step as Record<string, unknown>)[verb] !== undefined);
    if (said.length === 1) return;
    const message =
      said.length === 0 ? "this step does nothing" : `this step has ${said.length} verbs: ${said.join(", ")}`;
    const hint = said.length === 0 ? `name one verb: ${VERBS.join(", ")}` : "write one verb a step";
    context.addIssue({ code: "custom", message, params: { hint } });
  }) as never;

/** `kill leader` means `kill: leader`. */
const StepText = z.string().transform((text, context): Step => {
  const [, verb = "", rest = ""] = /^\s*(\S+)\s*([\s\S]*)$/.exec(text) ?? [];
  const parsed = StepMap.safeParse({ [verb]: rest === "" ? null : rest });
  if (parsed.success && verb in ACTIONS) return parsed.data;
  context.issues.push({ code: "custom", input: text, ...explainText(verb, parsed.error) });
  return z.NEVER;
});

function explainText(verb: string, error: z.ZodError | undefined): { message: string; params: { hint: string } } {
  const issues = error?.issues.flatMap((issue) => (issue.code === "invalid_union" ? issue.errors.flat() : [issue]));
  const custom = issues?.find((issue) => issue.code === "custom");
  if (verb in ACTIONS && custom !== undefined) {
    return { message: `${verb}: ${custom.message}`, params: { hint: String(custom.params?.hint ?? "") } };
  }
  const hint = didYouMean(verb, Object.keys(ACTIONS), `verbs are: ${VERBS.join(", ")}`);
  const message =
    verb in ACTIONS || !VERBS.includes(verb as Verb)
      ? `there is no verb "${verb}"`
      : `${verb} holds other steps: write it as a map`;
  return { message, params: { hint } };
}

const Steps: z.ZodType<readonly Step[]> = z.array(z.union([StepText, StepMap])).min(1) as never;

const line = (description: string) => z.string().optional().meta({ description });

/** A question to answer before the run. */
const Prediction = z
  .strictObject({
    ask: z.string().meta({ description: "the question" }),
    choices: z.array(z.string()).min(2).max(6).optional().meta({ description: "answers to choose from" }),
    answer: z
      .int()
      .min(0)
      .optional()
      .meta({ description: "number of the right choice, from 1; without choices the number that is asked for" }),
    because: line("why that is the answer"),
  })
  .superRefine(({ choices, answer }, context) => {
    if (choices === undefined || (answer !== undefined && answer >= 1 && answer <= choices.length)) return;
    const message = `answer must be the number of a choice, 1 to ${choices.length}`;
    context.addIssue({ code: "custom", path: ["answer"], message, params: { hint: "answer: 2" } });
  });
export type Prediction = z.output<typeof Prediction>;

/** Instructions for readers of the file. */
const Experiment = z.strictObject({
  goal: line("what one knows afterwards"),
  predict: z
    .union([z.string(), Prediction])
    .optional()
    .meta({ description: "the question to answer before running it" }),
  observe: line("where to look meanwhile"),
  explain: line("why it came out like that"),
  more: line("what to change next"),
});

export const Scenario = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z0-9](?:[a-z0-9-]{0,28}[a-z0-9])?$/, "must be 1 to 30 of a-z, 0-9 and -")
      .optional()
      .meta({ description: "name of the scenario and of its lab (default: the file's name)" }),
    points: z
      .number()
      .min(0)
      .max(1_000)
      .optional()
      .meta({ description: "of `lab grade`, for a run that is valid (default: 1)" }),
    repeats: z
      .int()
      .min(1)
      .max(100)
      .optional()
      .meta({ description: "runs of `lab grade`: all have to be valid (default: 1)" }),
    number: z.int().min(0).max(999).optional().meta({ description: "place in a course" }),
    title: line("one line: what happens"),
    teaches: line("what one sees here, in a few sentences"),
    experiment: Experiment.optional(),
    ...LAB_FIELDS,
    seed: z
      .int()
      .min(0)
      .max(2 ** 31)
      .optional()
      .meta({ description: "decides all random choices (default: 1)" }),
    runtimes: z
      .array(z.enum(RUNTIMES))
      .min(1)
      .optional()
      .meta({ description: "runtimes on which it can run (default: all)" }),
    wire: z.boolean().optional().meta({ description: "journal every datagram (default: true)" }),
    checks: z
      .union([z.enum(["all", "none"]), z.array(z.string()).min(1), z.array(ProgramCheck).min(1)])
      .optional()
      .meta({ description: "checks at the end (default: all)" }),
    steps: Steps,
  })
  .superRefine(checkVariables)
  .meta({ title: "A scenario of energy-lab" });
export type Scenario = z.output<typeof Scenario> & { readonly name: string };
