/**
 * One lesson as a card: predict, run, compare, explain, break it more. Nothing runs before the prediction is made, and no step is told
 * before it has come.
 */
import { useEffect, useRef, useState } from "preact/hooks";
import { formatCommand } from "../../dash/page-command.ts";
import type { DashCommand, ScenarioProgress } from "../../dash/protocol.ts";
import { answerOf, type Lesson } from "../../scenario/lesson.ts";
import type { LessonRecord } from "../app/course-record.ts";
import { isPlaying } from "../app/page-store.ts";
import type { Shared } from "./app.tsx";
import { CommandRow } from "./command-row.tsx";

type CardProperties = Shared & { readonly lesson: Lesson };

export function Card(properties: CardProperties) {
  const { store, lesson, server } = properties;
  const progress = store.progress?.file === lesson.file ? store.progress : null;
  const isOn = isPlaying(progress);
  const record = store.course.of(lesson.file);
  const isAsked = lesson.predict === null || record !== null;
  const close = (): void => {
    store.lesson = null;
    server?.show?.("lab");
    store.changed();
  };
  return (
    <article class="lesson">
      <button type="button" class="plain" onClick={close} disabled={isOn}>
        ← All experiments
      </button>
      <h2>
        {lesson.place !== null && <span class="place">{lesson.place}</span>}
        {lesson.title}
      </h2>
      {lesson.goal !== "" && <p>{lesson.goal}</p>}
      {lesson.predict !== null && <Predict {...properties} record={record} />}
      {isAsked && <Run {...properties} progress={progress} />}
      {isAsked && !isOn && record?.outcome != null && <Compare {...properties} outcome={record.outcome} />}
    </article>
  );
}

function Predict(properties: CardProperties & { readonly record: LessonRecord | null }) {
  const { store, lesson, record } = properties;
  const [chosen, choose] = useState<number | null>(null);
  const { ask = "", choices, answer } = lesson.predict ?? {};
  const isOpen = record === null;
  const value = record === null ? chosen : record.prediction;
  const commit = (): void => {
    store.course.set(lesson.file, { prediction: chosen, outcome: null });
    store.changed();
  };
  return (
    <section class="card">
      <h3>1 Predict</h3>
      <fieldset disabled={!isOpen}>
        <legend>{ask}</legend>
        {choices?.map(
          (choice, n) =>
            (isOpen || value === n + 1) && (
              <label key={choice} class={`choice ${value === n + 1 ? "chosen" : ""}`}>
                <input type="radio" name={lesson.file} checked={value === n + 1} onChange={() => choose(n + 1)} />
                <span>{choice}</span>
              </label>
            ),
        )}
        {choices === undefined && answer !== undefined && (
          <label>
            Your number{" "}
            <input
              type="number"
              min={0}
              value={value ?? ""}
              onInput={({ currentTarget: { value: text } }) => choose(text === "" ? null : Math.floor(Number(text)))}
            />
          </label>
        )}
        {choices === undefined && answer === undefined && <p class="hint">Write your answer down, or say it aloud.</p>}
      </fieldset>
      {isOpen ? (
        <button type="button" class="primary" disabled={answer !== undefined && chosen === null} onClick={commit}>
          That is my prediction
        </button>
      ) : null}
    </section>
  );
}

function Run(properties: CardProperties & { readonly progress: ScenarioProgress | null }) {
  const { store, lesson, progress } = properties;
  const [hasCommands, showCommands] = useState(false);
  const isReal = store.world === null;
  const section = useInSight(`${progress?.state} ${progress?.step}`, "end");
  return (
    <section class="card" ref={section}>
      <h3>2 Run</h3>
      {isReal && lesson.bug !== null && (
        <>
          <p class="hint">Only simulated nodes have this bug. In a terminal, or in the playground (lab play):</p>
          <CommandRow
            store={store}
            line={`lab run compose/scenarios/${lesson.file} --runtime sim --bug ${lesson.bug.bug}`}
          />
        </>
      )}
      <Buttons {...properties} />
      {progress !== null && (
        <>
          <Steps lesson={lesson} progress={progress} hasCommands={hasCommands} />
          <label class="hint">
            <input type="checkbox" checked={hasCommands} onChange={() => showCommands(!hasCommands)} /> show the
            commands
          </label>
        </>
      )}
      {progress?.state === "passed" && progress.isCured === true && (
        <p class="outcome done" role="status">
          Without the bug, every promise was kept.
        </p>
      )}
      {progress?.state === "stopped" && (
        <p class="outcome" role="status">
          Ended before its last step. {progress.detail}
        </p>
      )}
    </section>
  );
}

/** One row for both states: the button that was pressed keeps the focus when its meaning changes. */
function Buttons({ store, server, lesson, progress }: CardProperties & { readonly progress: ScenarioProgress | null }) {
  const isOn = isPlaying(progress);
  const isBusy = server === null || (store.order !== null && store.order.reply === null);
  const send = (command: DashCommand): void => {
    if (server !== null) void store.run(() => server.send(command), formatCommand(command, store.facts.lab));
  };
  const isSick = lesson.bug !== null && store.world !== null;
  const start = (pace: "step" | "whole", isCured = !isSick): void => {
    if (store.course.of(lesson.file) === null) store.course.set(lesson.file, { prediction: null, outcome: null });
    send({ verb: "scenario", file: lesson.file, pace, ...(lesson.bug !== null && isCured && { isCured: true }) });
  };
  if (isOn)
    return (
      <div class="row">
        <button
          type="button"
          class="primary"
          disabled={progress.state !== "waiting" || isBusy}
          onClick={() => send({ verb: "next" })}
        >
          {progress.state === "waiting" ? "Next step" : "Under way …"}
        </button>
        <button type="button" onClick={() => send({ verb: "end-scenario" })}>
          End it
        </button>
        {server?.show !== undefined && store.shows === "lab" && store.facts.runtime !== "sim" && (
          <button type="button" onClick={() => server.show?.("lesson")}>
            Show its lab
          </button>
        )}
      </div>
    );
  return (
    <div class="row">
      <button type="button" class="primary" disabled={isBusy} onClick={() => start("step")}>
        {isSick ? "Run it with the bug" : "Run it step by step"}
      </button>
      {!isSick && (
        <button type="button" disabled={isBusy} onClick={() => start("whole")}>
          All at once
        </button>
      )}
      {isSick && store.course.of(lesson.file)?.outcome != null && (
        <button type="button" disabled={isBusy} onClick={() => start("step", true)}>
          Run it without
        </button>
      )}
    </div>
  );
}

/** What has just come is what is read. */
function useInSight(what: string, block: "start" | "end") {
  const element = useRef<HTMLElement>(null);
  const seen = useRef(what);
  useEffect(() => {
    if (seen.current !== what || block === "start") element.current?.scrollIntoView({ block });
    seen.current = what;
  }, [what, block]);
  return element;
}

interface StepsProperties {
  readonly lesson: Lesson;
  readonly progress: ScenarioProgress;
  readonly hasCommands: boolean;
}

/** Those that have come; what comes would spoil the prediction. */
function Steps({ lesson, progress, hasCommands }: StepsProperties) {
  const isOver = progress.state === "passed";
  const shown = lesson.steps.slice(0, isOver ? lesson.steps.length : progress.step + 1);
  return (
    <ol class="steps">
      {shown.map((step, n) => {
        const isCurrent = isPlaying(progress) && n === progress.step;
        const hasFailed = progress.state === "failed" && n === progress.step;
        return (
          <li
            // A scenario may say the same step twice.
            key={`${n} ${step.text}`}
            class={isCurrent ? "current" : hasFailed ? "failed" : "done"}
            aria-current={isCurrent ? "step" : undefined}
          >
            {step.say === "" ? step.text : step.say}
            {hasCommands && step.say !== "" && <small>{step.text}</small>}
            {step.say === "" && step.note !== "" && <small>{step.note}</small>}
            {step.explain !== "" && !isCurrent && <p>{step.explain}</p>}
          </li>
        );
      })}
    </ol>
  );
}

function Compare(properties: CardProperties & { readonly outcome: NonNullable<LessonRecord["outcome"]> }) {
  const { store, lesson, outcome } = properties;
  const { predict, bug } = lesson;
  const right = store.course.isRight(lesson);
  const isAsItShould = (outcome.state === "passed") === (bug === null || store.world === null);
  const parts: readonly (readonly [string, readonly string[]])[] = [
    ["4 Explain", [lesson.teaches, lesson.explain, lesson.observe]],
    ["5 Break it more", [lesson.more]],
  ];
  const section = useInSight(outcome.detail, "start");
  return (
    <>
      <section class="card" role="status" ref={section}>
        <h3>3 Compare</h3>
        {right !== null && predict !== null && (
          <p class={`compare ${right ? "right" : "wrong"}`}>
            <b>{right ? "✓ As you predicted: " : "It came out otherwise: "}</b>
            {answerOf(predict)}
          </p>
        )}
        {predict?.because !== undefined && <p>{predict.because}</p>}
        {outcome.detail !== "" && (
          <p class={`outcome ${isAsItShould ? "done" : "failed"}`}>
            {bug === null || outcome.state === "passed" ? "" : "A promise was broken. "}
            {outcome.detail}
          </p>
        )}
      </section>
      {parts.map(([name, texts]) => {
        const said = texts.filter((text) => text !== "");
        return said.length === 0 ? null : (
          <section class="card" key={name}>
            <h3>{name}</h3>
            {said.map((text) => (
              <p key={text}>{text}</p>
            ))}
          </section>
        );
      })}
      <button
        type="button"
        class="plain"
        onClick={() => {
          store.course.set(lesson.file, null);
          store.progress = null;
          store.changed();
        }}
      >
        Forget my prediction, and ask me again
      </button>
    </>
  );
}
