/** The composition root: routes onto jobs, jobs onto bindings, clock and randomness. */

import vmlinux from '../wasm/dist/vmlinux.wasm';
import xzModule from './archive/xz-embedded.wasm';
import { type Bindings, parseLimits } from './env.ts';
import { imageContentJobs } from './jobs/image-content.ts';
import { imageUploadJobs } from './jobs/image-uploads.ts';
import { imageJobs } from './jobs/images.ts';
import { imageMounter } from './jobs/mounter.ts';
import { boot } from './kernel/boot.ts';
import { createApi } from './routes/api.ts';
import { fetchDevice } from './storage/fetch-device.ts';
import { imageStore } from './storage/image-store.ts';
import { workerHost } from './worker-host.ts';

const mounter = imageMounter(() => boot(vmlinux, { host: workerHost }));

/** The whole HTTP interface, on the bindings of each request. */
export const app = createApi((c) => {
  const bindings: Bindings = c.env;
  const limits = { ...parseLimits(bindings), xzModule };
  const keepAlive = (work: Promise<unknown>) => c.executionCtx.waitUntil(work.catch(() => {}));
  const stored = imageStore(bindings.IMAGES, 'images/');
  const files = bindings.FILES;
  const images = files
    ? { ...stored, device: (name: string) => fetchDevice((file) => files.fetch(file), name) }
    : stored;
  const spooled = imageStore(bindings.IMAGES, 'spool/');
  const uniqueName = () => crypto.randomUUID();
  return {
    jobs: {
      images: imageJobs(images, limits, keepAlive),
      uploads: imageUploadJobs(images, limits),
      content: imageContentJobs({ images, spooled, mounter, limits, keepAlive, uniqueName }),
      keepAlive,
    },
    log: console.error,
  };
});
