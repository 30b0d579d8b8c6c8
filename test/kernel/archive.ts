/** Mounts a device and archives it, as the jobs do. */

import { type Fs2tarOptions, type Fs2tarReport, fs2tar } from '../../src/jobs/fs2tar.ts';
import type { MountRequest } from '../../src/jobs/mounted-image.ts';
import type { BlockDevice } from '../../src/storage/block-device.ts';
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
  const mounted = await by.mount(device, request);
  try {
    const chunks: Uint8Array[] = [];
    const sink = (chunk: Uint8Array) => void chunks.push(chunk);
    const report = await fs2tar(mounted.task, mounted.mountPoint, sink, { onError: 'stop', ...options });
    return { type: mounted.type, report, tar: new Uint8Array(await new Blob(chunks).arrayBuffer()) };
  } finally {
    await mounted.close();
  }
}
