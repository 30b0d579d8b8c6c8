/** Mounts a device and archives it, as the jobs do. */

import { concat } from '../../src/bytes/concat.ts';
import type { MountRequest } from '../../src/image/mounted-image.ts';
import type { BlockDevice } from '../../src/storage/block-device.ts';
import { type Fs2tarOptions, type Fs2tarReport, fs2tar } from '../../src/tree/fs2tar/fs2tar.ts';
import { mounter } from './kernel.ts';

export interface Archived {
  readonly type: string;
  readonly report: Fs2tarReport;
  readonly tar: Uint8Array;
}

export async function archive(
  device: BlockDevice,
  request: MountRequest = {},
  options: Partial<Fs2tarOptions> = {},
  by = mounter,
): Promise<Archived> {
  const mounted = await by.mount(device, { evenIfCut: options.onError === 'continue', ...request });
  const { log, missing } = mounted;
  try {
    const chunks: Uint8Array[] = [];
    const sink = (chunk: Uint8Array) => void chunks.push(chunk);
    const report = await fs2tar(mounted.task, mounted.mountPoint, sink, { onError: 'stop', log, missing, ...options });
    return { type: mounted.type, report, tar: concat(chunks) };
  } finally {
    await mounted.close();
  }
}
