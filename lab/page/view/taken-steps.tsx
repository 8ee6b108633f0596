/** The steps of a stored run, each a way to its moment, with what the scenario's author says. */
import { answerOf, type Lesson } from "../../scenario/lesson.ts";
import { formatClock } from "../model/format-time.ts";
import type { Shared } from "./app.tsx";

export function TakenSteps({ store }: Shared) {
  const steps = store.about?.steps ?? [];
  const current = steps.findLastIndex((step) => step.startedAtMs <= store.atMs);
  const lesson = store.about?.lesson ?? null;
  return (
    <>
      <h2>{store.about?.title}</h2>
      {lesson !== null && <Words lesson={lesson} />}
      <ol class="steps">
        {steps.map((step, n) => (
          <li
            key={step.path}
            class={n === current ? "current" : step.state === "failed" ? "failed" : n < current ? "done" : ""}
          >
            <button type="button" class="line" onClick={() => store.seek(step.startedAtMs)}>
              <span class="when">{formatClock(step.startedAtMs - store.bounds.beginMs)}</span>
              {step.say ?? step.what}
              {step.state === "failed" && <b> failed</b>}
              {step.say !== undefined && <small>{step.what}</small>}
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

function Words({ lesson: { teaches, goal, predict, observe, explain, more } }: { readonly lesson: Lesson }) {
  const told: readonly (readonly [string, string])[] = [
    ["Observe", observe],
    ["Explanation", explain],
    ["Break it more", more],
  ];
  return (
    <>
      {[goal, teaches]
        .filter((text) => text !== "")
        .map((text) => (
          <p key={text}>{text}</p>
        ))}
      {predict !== null && (
        <details>
          <summary>{predict.ask}</summary>
          <p>
            <b>{answerOf(predict)}</b> {predict.because}
          </p>
        </details>
      )}
      {told
        .filter(([, text]) => text !== "")
        .map(([name, text]) => (
          <p key={name}>
            <b class="asks">{name}</b>
            {text}
          </p>
        ))}
    </>
  );
}
