/**
 * The few signs on buttons, drawn rather than taken from a font that may not have them.
 */
const PATHS = {
  play: "M4 2.5v11l9-5.5z",
  pause: "M4 2.5h3v11H4zM9 2.5h3v11H9z",
  begin: "M3 2.5h2v11H3zM13 2.5v11L6 8z",
  live: "M8 3.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9z",
  crown: "M2 12.5 1.5 5l3.6 3L8 3l2.9 5 3.6-3-.5 7.5z",
} as const;

export function Icon({ name }: { readonly name: keyof typeof PATHS }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
      <path d={PATHS[name]} fill="currentColor" />
    </svg>
  );
}
