/** What several sources bring, as it comes. The first that fails ends them all. */
export async function* interleave<T>(sources: readonly AsyncIterable<T>[]): AsyncGenerator<T> {
  const iterators = sources.map((source) => source[Symbol.asyncIterator]());
  const take = async (iterator: AsyncIterator<T>) => ({ iterator, result: await iterator.next() });
  const pending = new Map(iterators.map((iterator) => [iterator, take(iterator)]));
  try {
    while (pending.size > 0) {
      const { iterator, result } = await Promise.race(pending.values());
      if (result.done === true) pending.delete(iterator);
      else {
        pending.set(iterator, take(iterator));
        yield result.value;
      }
    }
  } finally {
    // One that waits for a line that never comes can't be waited for.
    for (const [iterator, next] of pending) {
      next.catch(() => {});
      iterator.return?.().catch(() => {});
    }
  }
}
