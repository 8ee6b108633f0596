/**
 * Guided experiments: a scenario that is played step by step, with what its author says about it. In a stored run the steps that were
 * taken, each a way to its moment.
 */
import { useState } from "preact/hooks";
import type { DashCommand, ScenarioInfo, ScenarioProgress } from "../../dash/protocol.ts";
import type { Store } from "../app/page-store.ts";
import { formatClock } from "../model/format-time.ts";
import { readScenarioWords } from "../model/scenario-words.ts";
import type { Shared } from "./app.tsx";
import { CommandRow } from "./command-row.tsx";

export function Experiments(shared: Shared) {
  const { store } = shared;
  const [file, setFile] = useState<string | null>(null);
  const { catalogue, progress, about } = store;
  if (about !== null && about.steps.length > 0) return <TakenSteps {...shared} />;
  const playing = isPlaying(progress) ? progress.file : null;
  const chosen = catalogue?.scenarios.find((scenario) => scenario.file === (playing ?? file ?? progress?.file));
  if (chosen !== undefined && (file !== null || playing !== null))
    return <Guide {...shared} scenario={chosen} back={() => setFile(null)} />;
  return (
    <>
      <p class="hint">Each experiment breaks this lab on purpose, says what to look for, and checks what came of it.</p>
      {(catalogue?.scenarios.length ?? 0) === 0 && <p class="hint">The server knows no scenario files.</p>}
      <ul class="plain-list experiments">
        {(catalogue?.scenarios ?? []).map((scenario) => (
          <li key={scenario.file}>
            <button type="button" class="line" onClick={() => setFile(scenario.file)}>
              <b>{scenario.title}</b>
              <small>{firstSentence(scenario.text)}</small>
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}

type Playing = ScenarioProgress & { readonly state: "waiting" | "running" };
type GuideProperties = Shared & { readonly scenario: ScenarioInfo };

function Guide({ back, ...properties }: GuideProperties & { readonly back: () => void }) {
  const { store, scenario } = properties;
  const progress = progressOf(store, scenario);
  const isOn = isPlaying(progress);
  const fits = scenario.nodes === null || scenario.nodes === store.state.nodes.size;
  return (
    <>
      <button type="button" class="plain" onClick={back} disabled={isOn}>
        ← All experiments
      </button>
      <h2>{scenario.title}</h2>
      {scenario.text.split("\n\n").map((paragraph) => (
        <p key={paragraph}>{paragraph}</p>
      ))}
      {!fits && (
        <p class="hint">
          It is written for {scenario.nodes} nodes; this lab has {store.state.nodes.size}.
        </p>
      )}
      <CommandRow store={store} line={commandLineOf(scenario)} />
      <GuideButtons {...properties} />
      {progress !== null && !isOn && (
        <p class={`outcome ${progress.state === "passed" ? "done" : "failed"}`} role="status">
          {progress.state}
          {progress.detail !== "" && `: ${progress.detail}`}
        </p>
      )}
      <GuideSteps scenario={scenario} progress={progress} />
    </>
  );
}

/** One row for both states: the button that was pressed keeps the focus when its meaning changes. */
function GuideButtons({ store, server, scenario }: GuideProperties) {
  const progress = progressOf(store, scenario);
  const send = (command: DashCommand, line: string): void => {
    if (server !== null) void store.run(() => server.send(command), line);
  };
  const start = (pace: "step" | "whole"): void =>
    send({ verb: "scenario", file: scenario.file, pace }, commandLineOf(scenario));
  return (
    <div class="row">
      {isPlaying(progress) ? (
        <>
          <button
            type="button"
            class="primary"
            disabled={progress.state !== "waiting" || server === null}
            onClick={() => send({ verb: "next" }, progress.text)}
          >
            Do the next step
          </button>
          <button type="button" onClick={() => send({ verb: "end-scenario" }, "end the experiment")}>
            End it
          </button>
        </>
      ) : (
        <>
          <button type="button" class="primary" disabled={server === null} onClick={() => start("step")}>
            Step by step
          </button>
          <button type="button" disabled={server === null} onClick={() => start("whole")}>
            As a whole
          </button>
        </>
      )}
    </div>
  );
}

function GuideSteps({ scenario, progress }: { scenario: ScenarioInfo; progress: ScenarioProgress | null }) {
  return (
    <ol class="steps">
      {scenario.steps.map((step, n) => {
        const isCurrent = isPlaying(progress) && n === progress.step;
        const isDone = progress !== null && (n < progress.step || progress.state === "passed");
        const hasFailed = progress?.state === "failed" && n === progress.step;
        return (
          <li
            // A scenario may say the same step twice.
            key={`${n} ${step.text}`}
            class={isCurrent ? "current" : hasFailed ? "failed" : isDone ? "done" : ""}
            aria-current={isCurrent ? "step" : undefined}
          >
            {step.text}
            {step.note !== "" && <small>{step.note}</small>}
            {step.explain !== "" && (isCurrent || isDone) && <p>{step.explain}</p>}
          </li>
        );
      })}
    </ol>
  );
}

/** Null unless the scenario is the one that was played last. */
function progressOf(store: Store, scenario: ScenarioInfo): ScenarioProgress | null {
  return store.progress?.file === scenario.file ? store.progress : null;
}

function isPlaying(progress: ScenarioProgress | null): progress is Playing {
  return progress !== null && (progress.state === "waiting" || progress.state === "running");
}

function commandLineOf(scenario: ScenarioInfo): string {
  return `lab run compose/scenarios/${scenario.file}`;
}

function TakenSteps({ store }: Shared) {
  const steps = store.about?.steps ?? [];
  const current = steps.findLastIndex((step) => step.startedAtMs <= store.atMs);
  const words = readScenarioWords(store.about?.scenario ?? "");
  return (
    <>
      <h2>{store.about?.title}</h2>
      {words.map(({ name, text }) => (
        <p key={name}>
          {name !== "teaches" && <b class="asks">{name}</b>}
          {text}
        </p>
      ))}
      <ol class="steps">
        {steps.map((step, n) => (
          <li
            key={step.path}
            class={n === current ? "current" : step.state === "failed" ? "failed" : n < current ? "done" : ""}
          >
            <button type="button" class="line" onClick={() => store.seek(step.startedAtMs)}>
              <span class="when">{formatClock(step.startedAtMs - store.bounds.beginMs)}</span>
              {step.what}
              {step.state === "failed" && <b> failed</b>}
              {step.detail !== "" && <small>{step.detail}</small>}
              {step.note !== undefined && <small>{step.note}</small>}
            </button>
            {step.explain !== undefined && n <= current && <p>{step.explain}</p>}
          </li>
        ))}
      </ol>
    </>
  );
}

function firstSentence(text: string): string {
  return /^.*?[.!?](?=\s|$)/s.exec(text)?.[0] ?? text;
}
