/** A stored image that is mounted for clients of WebDAV: to be read until somebody changes something, then to be written. */

import { davHandler } from '../../dav/handler.ts';
import type { Locks } from '../../dav/locks.ts';
import { HostError } from '../../errors/host-error.ts';
import type { Linux, MountedTree, MountedWritableTree } from '../../linux.ts';
import type { Room } from '../../storage/room.ts';
import type { Hold } from '../bodies/budget.ts';
import type { ImageDisks, OpenedImageDisk } from '../images/disks.ts';
import { named } from '../images/images.ts';
import { openStored } from '../images/stored-images.ts';
import type { UnpackFor } from '../images/undone.ts';
import type { ImageStore } from '../storage/image-store.ts';
import { isOvertaken, replayed } from './replayed.ts';
import type { DavTarget } from './target.ts';
import { logged, type WriteLog } from './write-log.ts';

/** Half of what kernels of an isolate may have: others run beside it. */
const WRITING_MIB = 32;

/** R2 takes one put a second of an object, and a version is one. */
const SAVE_EVERY_MS = 1100;

export interface MountNeeds {
  readonly engine: Pick<Linux, 'openTree' | 'openWritableTree'>;
  readonly images: Pick<ImageStore, 'head' | 'source'>;
  disks(room: Room): Pick<ImageDisks, 'open'>;
  openRoom(): Hold;
  readonly unpackFor: UnpackFor;
  readonly log: WriteLog;
  readonly locks: Locks;
  readonly nowMs: () => number;
  readonly pause: (ms: number) => Promise<void>;
  readonly uniqueName: () => string;
}

export interface MountStatus {
  /** Of the image as it is shown. */
  etag: string;
  /** Something was changed that is in the log, but in no version. */
  isUnsaved: boolean;
  /** It cannot go on: what was kept is in the log. */
  isBroken: boolean;
}

export interface Mount {
  readonly partition: number | undefined;
  readonly isWritable: boolean;
  readonly sinceMs: number;
  readonly status: MountStatus;
  handle(request: Request): Promise<Response>;
  /** What was changed until now outlives the object once it settles. */
  keep(): Promise<void>;
  /** What was changed until now is a version once it settles. */
  save(): Promise<void>;
  /** Unmounts; what was changed is a version, its journal empty. */
  close(): Promise<void>;
  /** Lets go of it at once: what was kept is in the log. */
  abandon(): Promise<void>;
}

export async function openToRead(target: DavTarget, needs: MountNeeds): Promise<Mount> {
  const { engine, images, openRoom, unpackFor, locks, nowMs, uniqueName } = needs;
  const { image, partition, prefix } = target;
  const room = openRoom();
  try {
    const stored = await named(image, images.source(image));
    const { device } = await openStored(stored, room, {}, unpackFor(room));
    const mounted = await engine.openTree(device, { partition });
    const close = async () => {
      await mounted.close();
      room.release();
    };
    return {
      partition,
      isWritable: false,
      sinceMs: nowMs(),
      status: { etag: stored.etag, isUnsaved: false, isBroken: false },
      handle: davHandler(readOnly(mounted), { prefix, readOnly: true, locks, nowMs, uniqueName }),
      keep: async () => {},
      save: async () => {},
      close,
      abandon: close,
    };
  } catch (cause) {
    room.release();
    throw cause;
  }
}

/** The handler refuses what would change it. */
const readOnly = ({ tree }: MountedTree): Pick<MountedWritableTree, 'tree' | 'changes'> => ({
  tree,
  changes: new Proxy({} as MountedWritableTree['changes'], {
    get() {
      throw new Error('the tree is only read');
    },
  }),
});

/** What the log has is written first. */
export async function openToWrite(target: DavTarget, needs: MountNeeds): Promise<Mount> {
  const { log, openRoom } = needs;
  const room = openRoom();
  try {
    const disk = await replayed(target.image, needs.disks(room), log);
    return await mountToWrite(target, needs, disk, () => room.release());
  } catch (cause) {
    room.release();
    throw cause;
  }
}

async function mountToWrite(
  { image, partition, prefix }: DavTarget,
  { engine, log, locks, nowMs, pause, uniqueName }: MountNeeds,
  disk: OpenedImageDisk,
  over: () => void,
): Promise<Mount> {
  const baseOf = (version: string) => ({ image, partition, baseId: disk.baseId, version, writer: disk.writer });
  const isReplayed = log.base !== undefined;
  if (isReplayed) log.goOn(baseOf(disk.version));
  else log.begin(baseOf(disk.version));
  const status: MountStatus = { etag: disk.etag, isUnsaved: isReplayed, isBroken: false };

  let [isOver, isChanged] = [false, isReplayed];
  let savedMs = Number.NEGATIVE_INFINITY;
  let saving: Promise<void> = Promise.resolve();
  async function commit(): Promise<void> {
    if (isOver) throw new HostError('storage-failed', 'the image was unmounted');
    const waitMs = savedMs + SAVE_EVERY_MS - nowMs();
    if (waitMs > 0) await pause(waitMs);
    status.isUnsaved = false;
    try {
      const { etag, version } = await disk.commit();
      log.begin(baseOf(version));
      status.etag = etag;
    } catch (cause) {
      status.isUnsaved = true;
      // It is a version beside the other one, and in the log no more; this mount shows what is no longer the image.
      if (isOvertaken(cause)) {
        log.clear();
        status.isBroken = true;
      }
      throw cause;
    } finally {
      savedMs = nowMs();
    }
  }
  const committed = (): Promise<void> => {
    saving = saving.catch(() => {}).then(commit);
    return saving;
  };
  const end = async () => {
    await saving.catch(() => {});
    isOver = true;
    await disk.close();
    over();
  };
  const device = logged(disk.device, {
    log,
    save: () =>
      committed().catch((cause: unknown) => {
        // To Linux that is a disk that failed.
        status.isBroken = true;
        throw cause;
      }),
    calm: () => saving.catch(() => {}),
  });
  const mounted = await engine
    .openWritableTree(device, { partition }, { mostMib: WRITING_MIB })
    .catch(async (cause: unknown) => {
      await end();
      throw cause;
    });
  const sync = merged(() => mounted.changes.sync());
  const changed = () => {
    status.isUnsaved = true;
    isChanged = true;
  };
  const abandon = async () => {
    mounted.abandon();
    await end();
  };
  return {
    partition,
    isWritable: true,
    sinceMs: nowMs(),
    status,
    handle: davHandler(mounted, { prefix, locks, nowMs, uniqueName, changed }),
    keep: sync,
    async save() {
      await sync();
      await committed();
    },
    async close() {
      // What only mounting has changed is no version.
      if (!isChanged) return abandon();
      try {
        await mounted.close();
        await committed();
      } finally {
        await end();
      }
    },
    abandon,
  };
}

/** Whoever comes while it runs waits for its next run, together with all others who do. */
function merged(run: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> = Promise.resolve();
  let next: Promise<void> | undefined;
  return () => {
    next ??= running
      .catch(() => {})
      .then(() => {
        next = undefined;
        running = run();
        return running;
      });
    return next;
  };
}
