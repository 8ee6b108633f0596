/**
 * Messages of a member, field by field, made from the schemas of the wire: a field that is added is walked without a change here.
 *
 * Idea: one plausible payload for each type; then each field in turn takes every extreme of its bounds, every id and every option, while the
 * others stay; then draws in which all fields take such values at once.
 */
import * as z from "zod";
import type { Draw } from "../../lab/sim/world/draw.ts";
import { Message, type MessageType } from "../../node/wire/message.ts";

type Fields = Readonly<Record<string, unknown>>;
type Schema = z.core.$ZodType;

const ADDRESSES = ["0.0.0.0:0", "255.255.255.255:65535", "127.0.0.1:1", "999.999.999.999:99999"];
const NUMBERS = [1, 2, 300, 2 ** 20];
const DRAWS = 20;

export interface LiesOptions {
  /** Ids that are worth a lie: the liar's first, those of honest nodes, and nobody's. */
  readonly ids: readonly number[];
  /** Plausible values by the field's name. */
  readonly usual: Fields;
  readonly draw: Draw;
}

/** Payloads of a type; some are too long for a datagram. */
export function liesOf(type: MessageType, options: LiesOptions): unknown[] {
  const message = Message.options.find(({ shape }) => shape.message_type.value === type);
  if (message === undefined) throw new Error(`no schema of ${type}`);
  const schema = message.shape.payload;
  const drawn = Array.from({ length: DRAWS }, () => drawFrom(schema, "", options));
  return [...oneByOne(schema, "", options), ...drawn];
}

/** The usual value first, then what else may stand there. */
function oneByOne(schema: Schema, name: string, options: LiesOptions): unknown[] {
  if (schema instanceof z.ZodOptional) return [...oneByOne(schema.unwrap(), name, options), undefined];
  if (schema instanceof z.ZodNullable) return [...oneByOne(schema.unwrap(), name, options), null];
  if (schema instanceof z.ZodObject) {
    const fields = Object.entries(schema.shape as Record<string, Schema>);
    const values = fields.map(([key, field]) => [key, oneByOne(field, key, options)] as const);
    const base = Object.fromEntries(values.map(([key, [usual]]) => [key, usual]));
    return [base, ...values.flatMap(([key, [, ...others]]) => others.map((value) => ({ ...base, [key]: value })))];
  }
  if (schema instanceof z.ZodArray) {
    const elements = oneByOne(schema.element, name, options);
    return [...elements.map((element) => [element]), [], Array(8).fill(elements[0]), elements.slice(0, 8)];
  }
  const leaves = leavesOf(schema, options);
  return name in options.usual ? [options.usual[name], ...leaves] : leaves;
}

function drawFrom(schema: Schema, name: string, options: LiesOptions): unknown {
  const { draw } = options;
  if (schema instanceof z.ZodOptional) return draw.chance(0.5) ? undefined : drawFrom(schema.unwrap(), name, options);
  if (schema instanceof z.ZodNullable) return draw.chance(0.3) ? null : drawFrom(schema.unwrap(), name, options);
  if (schema instanceof z.ZodObject)
    return Object.fromEntries(
      Object.entries(schema.shape as Record<string, Schema>).map(([key, field]) => [
        key,
        drawFrom(field, key, options),
      ]),
    );
  if (schema instanceof z.ZodArray)
    return Array.from({ length: draw.integer(1, 3) }, () => drawFrom(schema.element, name, options));
  return draw.pick(oneByOne(schema, name, options));
}

function leavesOf(schema: Schema, { ids }: LiesOptions): unknown[] {
  if (schema instanceof z.ZodNumber) {
    const [min, max] = [schema.minValue ?? 0, schema.maxValue ?? Number.MAX_SAFE_INTEGER];
    const known = max === 65_535 ? ids : NUMBERS;
    return [...known, min, min + 1, max - 1, max].filter((value) => value >= min && value <= max);
  }
  if (schema instanceof z.ZodBoolean) return [true, false];
  if (schema instanceof z.ZodEnum) return schema.options;
  if (schema instanceof z.ZodLiteral) return [...schema.values];
  if (schema instanceof z.ZodString)
    return ["0".repeat(16), "f".repeat(16), ...ADDRESSES, "x", "x".repeat(48)].filter(
      (text) => schema.safeParse(text).success,
    );
  // Clocks and totals: nothing, some, absurd ones, and as many entries as fit.
  if (schema instanceof z.ZodPipe)
    return [
      new Map(),
      new Map([...ids].sort((a, b) => a - b).map((id) => [id, 0])),
      ...ids.flatMap((id) => [1, 2 ** 48].map((counter) => new Map([[id, counter]]))),
      new Map(Array.from({ length: 100 }, (_, i) => [i + 1, 2 ** 48])),
    ];
  throw new Error(`no values for ${schema._zod.def.type}`);
}
