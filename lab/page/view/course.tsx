/**
 * The course, and all other scenarios: a list, and a card for the one that is open. In a stored run the steps that were taken stand here.
 */

import type { Lesson } from "../../scenario/lesson.ts";
import { isPlaying } from "../app/page-store.ts";
import type { Shared } from "./app.tsx";
import { Card } from "./card.tsx";
import { TakenSteps } from "./taken-steps.tsx";

export function Course(shared: Shared) {
  const { store } = shared;
  const { catalogue, progress, about } = store;
  if (about !== null && about.steps.length > 0) return <TakenSteps {...shared} />;
  const file = isPlaying(progress) ? progress.file : store.lesson;
  const lessons = catalogue?.scenarios ?? [];
  const open = lessons.find((lesson) => lesson.file === file);
  if (open !== undefined) return <Card key={open.file} {...shared} lesson={open} />;
  const course = lessons.filter(({ place }) => place !== null);
  const done = course.filter((lesson) => store.course.of(lesson.file)?.outcome != null);
  return (
    <>
      <p class="hint">
        Each card asks first. Make a prediction, run the experiment in a fresh world, and see where you were wrong: that
        is what you learn from.
      </p>
      {course.length > 0 && (
        <p class="course-progress">
          <progress max={course.length} value={done.length} aria-label="Done" /> {done.length} of {course.length} done,{" "}
          {done.filter((lesson) => store.course.isRight(lesson) === true).length} predicted right
        </p>
      )}
      <Lessons {...shared} lessons={course.filter(({ bug }) => bug === null)} />
      <h3>See the bug, see the cure</h3>
      <Lessons {...shared} lessons={course.filter(({ bug }) => bug !== null)} />
      <details>
        <summary>More scenarios</summary>
        <Lessons {...shared} lessons={lessons.filter(({ place }) => place === null)} />
      </details>
    </>
  );
}

function Lessons({ lessons, ...shared }: Shared & { readonly lessons: readonly Lesson[] }) {
  const { store } = shared;
  return (
    <ul class="plain-list lessons">
      {lessons.map((lesson) => (
        <li key={lesson.file}>
          <button
            type="button"
            class="line"
            onClick={() => {
              store.lesson = lesson.file;
              store.changed();
            }}
          >
            <span class="place">{lesson.place ?? "·"}</span>
            <b>{lesson.title}</b>
            <Mark {...shared} lesson={lesson} />
          </button>
        </li>
      ))}
    </ul>
  );
}

function Mark({ lesson, store }: Shared & { readonly lesson: Lesson }) {
  const record = store.course.of(lesson.file);
  if (record === null) return null;
  if (record.outcome === null) return <small>predicted</small>;
  const right = store.course.isRight(lesson);
  return right === null ? (
    <small>done</small>
  ) : (
    <small class={right ? "right" : "wrong"}>{right ? "✓ right" : "surprised"}</small>
  );
}
