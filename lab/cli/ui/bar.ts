/** `[######........]`: how much of something is done; `fraction` 0 to 1, `width` in columns without the brackets. */
export function renderBar(fraction: number, width: number): string {
  const full = Math.round(Math.min(1, Math.max(0, fraction)) * width);
  return `[${"#".repeat(full)}${".".repeat(width - full)}]`;
}
