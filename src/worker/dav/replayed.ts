/** The disk of an image as its object last kept it: what the log has is in it, on top of the version that it lay over. */

import { HostError } from '../../errors/host-error.ts';
import { VersionGoneError } from '../../storage/volume/versions.ts';
import type { ImageDisks, OpenedImageDisk } from '../images/disks.ts';
import type { WriteLog } from './write-log.ts';

/** What lay over a version that is the current one no more is a version beside it, and the log is empty. */
export async function replayed(
  image: string,
  disks: Pick<ImageDisks, 'open'>,
  log: WriteLog,
): Promise<OpenedImageDisk> {
  const open = (version?: string) => disks.open(image, {}, { version, keepsAside: true });
  const disk = await open();
  const { base } = log;
  if (base === undefined) return disk;
  const isSame = base.baseId === disk.baseId && base.version === disk.version;
  if (isSame) {
    await log.replay(disk.device);
    return disk;
  }
  // It went into the version that is the current one, or its image is gone: nothing to do.
  if (base.baseId === disk.baseId && !disk.version.startsWith(`${base.writer}-`)) {
    await setAside(await open(base.version).catch(unlessGone), log);
  }
  log.clear();
  return disk;
}

async function setAside(disk: OpenedImageDisk | undefined, log: WriteLog): Promise<void> {
  if (disk === undefined) return;
  try {
    await log.replay(disk.device);
    await disk.commit().catch(unlessOvertaken);
  } finally {
    await disk.close();
  }
}

/** Somebody else made a version: what was written is one beside it. */
export const isOvertaken = (cause: unknown): boolean =>
  cause instanceof HostError && cause.kind === 'precondition-failed';

function unlessOvertaken(cause: unknown): void {
  if (!isOvertaken(cause)) throw cause;
}

function unlessGone(cause: unknown): undefined {
  if (!(cause instanceof VersionGoneError)) throw cause;
}
