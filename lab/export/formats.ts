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
  /** Whether it draws messages: then it has little to show of a journal without them. */
  readonly isOfMessages: boolean;
}

export const FORMATS: Readonly<Record<string, Format>> = {
  shiviz: { render: exportShiviz, isOfMessages: true },
  tsviz: { render: exportTsviz, isOfMessages: true },
  svg: { render: exportSvg, isOfMessages: true },
  mermaid: { render: exportMermaid, isOfMessages: true },
  perfetto: { render: exportPerfetto, isOfMessages: true },
  otlp: { render: exportOtlp, isOfMessages: false },
  csv: { render: exportCsv, isOfMessages: false },
};
