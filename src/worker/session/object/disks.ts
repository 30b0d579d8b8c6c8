/** A disk of a session as it is now, written parts and all, on its way to a client. */

import type { Sink } from '../../../archive/chunk-writer.ts';
import { HostError } from '../../../errors/host-error.ts';
import { freezeSupers, thawSupers } from '../../../kernel/snapshot/supers.ts';
import { type BlockDevice, bytesOf, SECTOR } from '../../../storage/block-device.ts';
import { rangeOf, type WantedRange } from '../../../tree/byte-range.ts';
import { sendTo } from '../client-stream.ts';
import type { FoundDisk } from '../rpc.ts';
import type { Exchange } from './files.ts';
import type { Live } from './waking.ts';

const CHUNK_BYTES = 256 * 1024;

/**
 * `begin` is called with the answer once the first bytes are read; settles once all are taken. Meanwhile every file system on a disk is frozen: what is
 * sent is of one moment, with nothing to be replayed where the driver can do that.
 */
export async function sendDisk(
  live: Live,
  name: string,
  wanted: WantedRange | undefined,
  { host, waitFor, tell }: Omit<Exchange, 'task'>,
  begin: (found: FoundDisk) => void,
): Promise<FoundDisk> {
  const { engine, disks } = live.kernel;
  const index = disks.findIndex((disk) => disk.name === name);
  const disk = live.disks[index];
  if (!disk) {
    const names = disks.map((one) => one.name).join(', ');
    throw new HostError('disk-not-found', `the session has ${names ? `the disks ${names}` : 'no disk'}`);
  }
  const sizeBytes = bytesOf(disk.device);
  const range = wanted && rangeOf(wanted, sizeBytes);
  const { offset, length } = range ?? { offset: 0, length: sizeBytes };
  const { readable: body, writable } = new IdentityTransformStream();
  const found: FoundDisk = { sizeBytes, ...(range && { range }), body, ...tell() };
  await freezeSupers(engine);
  try {
    await sendTo(writable, host, waitFor, async (send) => {
      await sendRange(disk.device, offset, length, (chunk) => {
        begin(found);
        return send(chunk);
      });
      begin(found);
    });
    return found;
  } finally {
    if (!live.kernel.dead) await thawSupers(engine);
  }
}

async function sendRange(device: BlockDevice, offset: number, length: number, sink: Sink): Promise<void> {
  const end = offset + length;
  for (let at = offset; at < end; ) {
    const sector = Math.floor(at / SECTOR);
    const skip = at - sector * SECTOR;
    const bytes = Math.min(CHUNK_BYTES, end - at);
    const chunk = new Uint8Array(Math.ceil((skip + bytes) / SECTOR) * SECTOR);
    await device.read(sector, chunk);
    await sink(chunk.subarray(skip, skip + bytes));
    at += bytes;
  }
}
