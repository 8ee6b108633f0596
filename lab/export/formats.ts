/** The formats of `lab export`, each a function of a journal. */
import type { Journal } from "../journal/journal.ts";
import { exportCsv } from "./csv.ts";
import type { ExportOptions } from "./export-options.ts";
import { exportMermaid } from "./mermaid.ts";
import { exportOtlp } from "./otlp.ts";
import { exportPerfetto } from "./perfetto.ts";
import { exportShiviz, exportTsviz } from "./shiviz.ts";
import { exportSvg } from "./svg.ts";

export interface Format {
  readonly render: (journal: Journal, options: ExportOptions) => string;
  /** What it shows: without messages there are no arrows, and without trades nothing at all. */
  readonly shows: "lines" | "messages" | "trades";
}

export const FORMATS: Readonly<Record<string, Format>> = {
  shiviz: { render: exportShiviz, shows: "messages" },
  tsviz: { render: exportTsviz, shows: "messages" },
  svg: { render: exportSvg, shows: "messages" },
  mermaid: { render: exportMermaid, shows: "messages" },
  perfetto: { render: exportPerfetto, shows: "messages" },
  otlp: { render: exportOtlp, shows: "trades" },
  csv: { render: exportCsv, shows: "lines" },
};
