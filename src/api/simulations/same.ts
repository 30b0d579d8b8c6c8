/** Holds a schema against a type of the engine: a member that one of them lacks, names or types otherwise is an error of tsc. */

/** What JSON tells of a type: nothing is read-only there, and what is optional is a member like the others. */
type Plain<T> = unknown extends T
  ? unknown
  : T extends object
    ? { -readonly [K in keyof T]-?: Plain<Exclude<T[K], undefined>> }
    : T;

/** `true` where both have the same members of the same types, all the way down. */
export type Same<A, B> = [Plain<A>] extends [Plain<B>] ? ([Plain<B>] extends [Plain<A>] ? true : never) : never;

/** For use as `same<Same<…>>(true)`: compiles only where they are. */
export const same = <T extends true>(_: T): void => {};
