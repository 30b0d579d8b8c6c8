/** Memory that others share: what a cache or an overlay asks for before it holds more. */

export interface Room {
  /** So much more, if there is room now. */
  tryTake(bytes: number): boolean;
  give(bytes: number): void;
}

/** For whoever has a limit of his own alone. */
export const ownRoom: Room = { tryTake: () => true, give: () => {} };

/** Beyond `usualBytes` it is taken only while `leftBytes` stay for others. */
export function spareRoom(room: Room, usualBytes: number, leftBytes: number): Room {
  let heldBytes = 0;
  return {
    tryTake(bytes) {
      const left = heldBytes + bytes > usualBytes ? leftBytes : 0;
      if (!room.tryTake(bytes + left)) return false;
      if (left > 0) room.give(left);
      heldBytes += bytes;
      return true;
    },
    give(bytes) {
      heldBytes -= bytes;
      room.give(bytes);
    },
  };
}

/** What is taken of it is given back at once when `release` is called, and no more is taken: for those that come and go together. */
export function heldRoom(room: Room): Room & { release(): void } {
  let heldBytes = 0;
  let isReleased = false;
  return {
    tryTake(bytes) {
      if (isReleased || !room.tryTake(bytes)) return false;
      heldBytes += bytes;
      return true;
    },
    give(bytes) {
      if (isReleased) return;
      heldBytes -= bytes;
      room.give(bytes);
    },
    release() {
      if (isReleased) return;
      isReleased = true;
      room.give(heldBytes);
    },
  };
}
