/**
 * Conditions as a program writes them (`leader == 4 && balance(2) == 130`) in the words of `lab wait` (`leader=4`, `balance:2=130`), which
 * are understood as they are.
 */

/** The conditions that `text` joins, as `lab wait` takes them. Pure; what can't be meant is refused by who parses them. */
export function splitConditions(text: string): readonly string[] {
  // Expressions and patterns of programs that aren't ours have words of their own.
  if (/^\s*(ask:|expr\s|log[:#=])/.test(text)) return [text.trim()];
  return text
    .split(/&&|\band\b/)
    .map(normalise)
    .filter((part) => part !== "");
}

function normalise(text: string): string {
  return text
    .trim()
    .replaceAll(/\s*(==|!=|<=|>=|=|<|>)\s*/g, "$1")
    .replace("==", "=")
    .replace(/^([a-z]+)\s*[([]\s*(\d+)\s*[)\]]/, "$1:$2");
}
