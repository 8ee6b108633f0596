/**
 * The explanations by a scenario's author: read from the file as `formatScenario` writes it, without a YAML parser,
 * which would be as big as the rest of the page. What isn't found is left out.
 */

/** `teaches`, then the words of `experiment`, in the order in which one asks them. */
const FIELDS = ["teaches", "goal", "predict", "observe", "explain", "more"] as const;

export interface ScenarioWords {
  readonly name: (typeof FIELDS)[number];
  readonly text: string;
}

export function readScenarioWords(yaml: string): readonly ScenarioWords[] {
  // Of the steps' own notes nothing belongs here.
  const head = yaml.split(/^steps:/m)[0] ?? "";
  const lines = head.split("\n");
  return FIELDS.flatMap((name) => {
    const at = lines.findIndex((line) => new RegExp(`^ *${name}:`).test(line));
    if (at < 0) return [];
    const first = lines[at] ?? "";
    const indent = first.search(/\S/);
    const own = first.slice(first.indexOf(":") + 1).trim();
    const more: string[] = [];
    for (let n = at + 1; n < lines.length; n++) {
      const line = lines[n] ?? "";
      if (line.trim() !== "" && line.search(/\S/) <= indent) break;
      more.push(line.trim());
    }
    const text = [/^[>|][+-]?$/.test(own) ? "" : own, ...more].filter((part) => part !== "").join(" ");
    return text === "" ? [] : [{ name, text: unquote(text) }];
  });
}

function unquote(text: string): string {
  if (!/^".*"$/s.test(text)) return text;
  try {
    return JSON.parse(text) as string;
  } catch {
    return text;
  }
}
