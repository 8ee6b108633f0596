/**
 * "Find it": one of the known bugs is in all nodes, and nobody says which. A badge for everybody who makes its promise break by hand; hints come
 * one by one, and the last one plays it, without a badge.
 */
import type { Store } from "../app/page-store.ts";
import { nameStep } from "../model/branches.ts";

export function FindIt({ store }: { readonly store: Store }) {
  const { world } = store;
  if (world === null) return null;
  const { game, bugs } = world;
  const { found, next } = countFound(store);
  const number = bugs.findIndex(({ name }) => name === game?.bug) + 1;
  const isFound = world.won !== null && world.won === game?.bug;
  return (
    <fieldset class="find-it">
      <legend>Find it</legend>
      {game === null ? (
        <p class="hint">
          One of {bugs.length} known bugs is put into all nodes, and you aren't told which. Make a promise break:{" "}
          <b>{found} found</b>
        </p>
      ) : (
        <>
          <p>
            <b>Bug {number}</b> is in all nodes. {isFound ? "You found it." : "Make a promise break."}
          </p>
          <Hints store={store} />
        </>
      )}
      <div class="row">
        {game !== null && !isFound && game.rung < rungsOf(store).length && (
          <button type="button" onClick={() => world.hint()}>
            Hint {game.rung + 1} of {rungsOf(store).length}
          </button>
        )}
        {next !== null && (
          <button type="button" onClick={() => world.play(next)}>
            {game === null ? "Play" : isFound ? "Next bug" : "Another bug"}
          </button>
        )}
        {game !== null && (
          <button type="button" onClick={() => world.restart({ bug: null })}>
            End the game
          </button>
        )}
      </div>
    </fieldset>
  );
}

/** The game goes on with the first bug after this one that isn't found yet. */
function countFound({ world, course }: Store): { readonly found: number; readonly next: string | null } {
  const names = world?.bugs.map(({ name }) => name) ?? [];
  const open = names.filter((name) => course.of(`bug/${name}`) === null);
  const at = names.indexOf(world?.game?.bug ?? world?.won ?? "");
  const next = open.find((name) => names.indexOf(name) > at) ?? open.find((name) => name !== world?.game?.bug);
  return { found: names.length - open.length, next: next ?? null };
}

function rungsOf({ world }: Store): readonly string[] {
  const bug = world?.bugs.find(({ name }) => name === world.game?.bug);
  if (bug === undefined) return [];
  const { promise, what, recipe } = bug;
  const steps = recipe.map(nameStep).join(", then ");
  return [
    `It breaks this promise: ${promise}`,
    `The bug: ${what}`,
    ...(recipe.length === 0 ? [] : [`Do this: ${steps}`, "Watch it: this is the recipe, played for you."]),
  ];
}

function Hints({ store }: { readonly store: Store }) {
  return (
    <ol class="hints">
      {rungsOf(store)
        .slice(0, store.world?.game?.rung)
        .map((rung) => (
          <li key={rung}>{rung}</li>
        ))}
    </ol>
  );
}

/** Above the verdict. */
export function Won({ store }: { readonly store: Store }) {
  const { world } = store;
  const bug = world?.bugs.find(({ name }) => name === world.won);
  if (world === null || bug === undefined) return null;
  const { found, next } = countFound(store);
  const hints = store.course.of(`bug/${bug.name}`)?.prediction ?? 0;
  return (
    <div class="won" role="status">
      <p>
        <b>★ Broken by your own hand{hints === 0 ? ", without a hint" : ""}.</b> The bug: {bug.what} ({found} of{" "}
        {world.bugs.length} found)
      </p>
      {next !== null && (
        <button type="button" onClick={() => world.play(next)}>
          Find another one
        </button>
      )}
    </div>
  );
}
