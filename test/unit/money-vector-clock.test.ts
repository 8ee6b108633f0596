// Laws of the lattice of vector clocks (Mattern 1989) and of the delivery test (Birman, Schiper, Stephenson 1991).
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { clockObject, covers, coversAccounts, deliverable, delta, merge } from "../../node/core/kernel/vector-clock.ts";

const clock = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 0, max: 5 })), { maxLength: 8 })
  .map((entries) => new Map(entries));

describe("vector clocks", () => {
  test("merge must be commutative, associative and idempotent, and cover both", () => {
    fc.assert(
      fc.property(clock, clock, clock, (a, b, c) => {
        expect(clockObject(merge(a, b))).toEqual(clockObject(merge(b, a)));
        expect(clockObject(merge(merge(a, b), c))).toEqual(clockObject(merge(a, merge(b, c))));
        expect(clockObject(merge(a, a))).toEqual(clockObject(a));
        expect(covers(merge(a, b), a) && covers(merge(a, b), b)).toBe(true);
        expect(coversAccounts(merge(a, b), b)).toBe(true);
      }),
    );
  });

  test("covers must be a partial order", () => {
    fc.assert(
      fc.property(clock, clock, clock, (a, b, c) => {
        expect(covers(a, a)).toBe(true);
        if (covers(a, b) && covers(b, c)) expect(covers(a, c)).toBe(true);
        if (coversAccounts(a, b)) expect(covers(a, b)).toBe(true);
      }),
    );
  });

  test("what was known with the delta must be what is known now", () => {
    fc.assert(
      fc.property(clock, clock, (before, more) => {
        const now = merge(before, more);
        expect(covers(merge(before, delta(now, before)), now)).toBe(true);
        for (const [id, seq] of delta(now, before)) expect(seq).toBeGreaterThan(before.get(id) ?? 0);
      }),
    );
  });

  test("an account without debits must be told from an unknown one", () => {
    expect(covers(new Map(), new Map([[7, 0]]))).toBe(true);
    expect(coversAccounts(new Map(), new Map([[7, 0]]))).toBe(false);
  });

  test("only the next record of its origin whose causes are all here is deliverable", () => {
    const here = new Map([
      [1, 2],
      [2, 4],
    ]);
    expect(
      deliverable(
        here,
        1,
        3,
        new Map([
          [1, 3],
          [2, 4],
        ]),
      ),
    ).toBe(true);
    expect(deliverable(here, 1, 4, new Map([[1, 4]]))).toBe(false);
    expect(deliverable(here, 1, 2, new Map([[1, 2]]))).toBe(false);
    expect(
      deliverable(
        here,
        1,
        3,
        new Map([
          [1, 3],
          [2, 5],
        ]),
      ),
    ).toBe(false);
    expect(
      deliverable(
        here,
        1,
        3,
        new Map([
          [1, 3],
          [9, 1],
        ]),
      ),
    ).toBe(false);
  });
});
