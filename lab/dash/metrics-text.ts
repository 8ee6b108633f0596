/**
 * Prometheus' text format 0.0.4: families of samples, each with its help and type, labels escaped, in a fixed order.
 *
 * Source: prometheus.io, "Exposition formats", "Metric and label naming".
 *
 * By hand: a client library counts in a registry of its own while the process lives; here each scrape describes one snapshot of the lab.
 */
export const CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  /** NaN where nobody knows; such samples are left out. */
  readonly value: number;
}

export interface Family {
  /** With its unit, and `_total` for a counter. */
  readonly name: string;
  readonly help: string;
  readonly type: "gauge" | "counter";
  readonly samples: readonly Sample[];
}

/** Families without samples are left out. */
export function renderMetrics(families: readonly Family[]): string {
  return families
    .map((family) => ({ ...family, samples: family.samples.filter(({ value }) => !Number.isNaN(value)) }))
    .filter(({ samples }) => samples.length > 0)
    .map(({ name, help, type, samples }) =>
      [
        `# HELP ${name} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}`,
        `# TYPE ${name} ${type}`,
        ...samples.map(({ labels, value }) => `${name}${renderLabels(labels)} ${value}`),
      ].join("\n"),
    )
    .map((text) => `${text}\n`)
    .join("");
}

function renderLabels(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeValue(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escapeValue(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
