/** The worker's side: a world that answers one question after the other. */
import "./jitless.ts";
import { openPlayHost } from "../../play/play-host.ts";
import type { AskWorld, PlayAsk, PlayReport } from "../../play/play-protocol.ts";

export interface Question {
  readonly number: number;
  readonly asked: PlayAsk;
}

export type Answer =
  | { readonly number: number; readonly report: PlayReport }
  | { readonly number: number; readonly error: string };

/** Files of compose/scenarios by their names: the build puts them in. */
declare const SHIPPED_SCENARIOS: Readonly<Record<string, string>>;

export function serveWorld(): void {
  const ask = hostWorld();
  addEventListener("message", ({ data }: MessageEvent<Question>) => {
    const { number, asked } = data;
    ask(asked).then(
      (report) => postMessage({ number, report } satisfies Answer),
      (error: unknown) => postMessage({ number, error: error instanceof Error ? error.message : String(error) }),
    );
  });
}

/** The same without a worker. */
export function hostWorld(): AskWorld {
  return openPlayHost(SHIPPED_SCENARIOS);
}
