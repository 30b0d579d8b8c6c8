/** File systems held still for a snapshot, by the kernel itself: nothing that a guest can change has a say. */

import type { Engine } from '../engine.ts';

/** A file system that refused to be frozen or thawed, and stayed as it was. */
export interface RefusedSuper {
  /** Its device as the kernel's log names it: "vda1", "dm-0". */
  readonly device: string;
  /** As in /proc/filesystems. */
  readonly type: string;
  /** Positive. */
  readonly errno: number;
}

type Supers = Pick<Engine, 'supers'>;

/**
 * Sync, then freeze every writable file system on a block device: their journals are empty then, and no writer gets on
 * until `thawSupers`. Answers those that refused. Rejects with KernelDead.
 */
export const freezeSupers = async (engine: Supers): Promise<RefusedSuper[]> => refused(await engine.supers('freeze'));

/** Let go of what `freezeSupers` holds; what the guest froze itself stays frozen. */
export const thawSupers = async (engine: Supers): Promise<RefusedSuper[]> => refused(await engine.supers('thaw'));

function refused(lines: string): RefusedSuper[] {
  return lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [device = '', type = '', errno = '0'] = line.split(' ');
      return { device, type, errno: -Number(errno) };
    });
}
