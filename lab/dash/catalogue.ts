/**
 * The scenarios that come with the project, as lessons: those that the page offers, and the course.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { BY_HAND_BYTES_MAX, readUserFile } from "../base/user-file.ts";
import { COURSE_FILES } from "../scenario/course-order.ts";
import type { Lesson } from "../scenario/lesson.ts";
import { parseScenario } from "../scenario/parse-scenario.ts";
import { readLesson } from "../scenario/read-lesson.ts";
import type { ScenarioRuntime } from "../scenario/scenario-schema.ts";

/**
 * Those for this runtime: the course first, in its order, then the others by their names. A file that can't be read isn't offered:
 * `lab validate` says what is wrong.
 */
export async function listScenarios(folder: string, runtime: ScenarioRuntime): Promise<readonly Lesson[]> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => /\.ya?ml$/.test(name)).sort();
  const files = [...COURSE_FILES, ...names.filter((name) => !COURSE_FILES.includes(name))];
  const lessons = await Promise.all(files.map((file) => readIfFit(folder, file, runtime)));
  return lessons.filter((lesson) => lesson !== null);
}

/** The course, in its order. @throws LabError("usage") for a file that can't be read */
export async function readCourse(folder: string): Promise<readonly Lesson[]> {
  return await Promise.all(COURSE_FILES.map((file) => readScenarioLesson(folder, file).then(({ lesson }) => lesson)));
}

async function readScenarioLesson(folder: string, file: string) {
  const path = join(folder, file);
  const scenario = parseScenario(await readUserFile(path, BY_HAND_BYTES_MAX, "install the project again"), path);
  return { scenario, lesson: readLesson(file, scenario) };
}

async function readIfFit(folder: string, file: string, runtime: ScenarioRuntime): Promise<Lesson | null> {
  try {
    const { scenario, lesson } = await readScenarioLesson(folder, file);
    return scenario.runtimes?.includes(runtime) === false ? null : lesson;
  } catch {
    return null;
  }
}
