/** What a program says, kept back until it is known whether people are to hear it. */

import { concat } from '../../bytes/concat.ts';
import type { Streams } from '../workshop.ts';

export interface Heard {
  /** For the program. */
  readonly streams: Streams;
  /** Whether it said what is held: then nobody has heard anything of it yet. */
  isHeld(): boolean;
  /** Once it has ended: what was kept back goes on to whoever hears it. */
  end(): Promise<void>;
  /** What it said, as far as that is kept: the end of it. */
  text(): string;
}

/** What it may say before `held`, which all of them say near their beginning. */
const HELD_BYTES = 2048;
const KEPT_BYTES = 65536;

/** All goes to `streams`, but for one who says `held`. */
export function heard(streams: Streams, held: RegExp | undefined): Heard {
  const kept: [to: 'stdout' | 'stderr', piece: Uint8Array][] = [];
  let said: Uint8Array[] = [];
  let bytes = 0;
  let keepsBack = held !== undefined;
  let isHeld = false;
  const text = () => new TextDecoder().decode(concat(said));
  const goOn = async () => {
    keepsBack = false;
    for (const [to, piece] of kept.splice(0)) await streams[to]?.(piece);
  };
  const hear = (to: 'stdout' | 'stderr') => async (piece: Uint8Array) => {
    said.push(piece.slice());
    bytes += piece.length;
    if (bytes > 2 * KEPT_BYTES) {
      said = [concat(said).slice(-KEPT_BYTES)];
      bytes = KEPT_BYTES;
    }
    if (!keepsBack) return streams[to]?.(piece);
    kept.push([to, piece.slice()]);
    isHeld ||= held?.test(text()) === true;
    if (!isHeld && bytes > HELD_BYTES) await goOn();
  };
  return {
    streams: { ...streams, stdout: hear('stdout'), stderr: hear('stderr') },
    isHeld: () => isHeld,
    end: goOn,
    text,
  };
}
