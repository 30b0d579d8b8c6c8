/** Memory that others share: what a cache or an overlay asks for before it holds more. */

export interface Room {
  /** So much more, if there is room now. */
  tryTake(bytes: number): boolean;
  give(bytes: number): void;
}

/** For whoever has a limit of his own alone. */
export const ownRoom: Room = { tryTake: () => true, give: () => {} };
