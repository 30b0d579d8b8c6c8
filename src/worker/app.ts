/** The composition root: routes onto jobs, jobs onto bindings, clock and randomness. */

import kernelModule from '../../wasm/dist/kernel.wasm';
import snapshot from '../../wasm/dist/snapshot.json' with { type: 'json' };
import type { SetupNeeds } from '../batch/kernel-setup.ts';
import { syscallBatchJobs } from '../batch/syscall-batch.ts';
import { imageMounter } from '../image/mounter.ts';
import { KernelPool } from '../kernel/pool.ts';
import { simulationJobs } from '../simulation/simulate.ts';
import { workerDecoders } from './decoders.ts';
import { type Bindings, parseLimits } from './env.ts';
import { workerHost } from './host.ts';
import { imageContentJobs } from './images/content.ts';
import { imageJobs } from './images/images.ts';
import { storedImages } from './images/stored-images.ts';
import { imageUploadJobs } from './images/uploads.ts';
import { createApi } from './routes/api.ts';
import { sessionClass } from './session/session.ts';
import { sessionIndexClass } from './session/session-index.ts';
import { sessionJobs } from './session/sessions.ts';
import { fetchDevice } from './storage/fetch-device.ts';
import { type ImageStore, imageStore } from './storage/image-store.ts';

/** Of the 128 MiB an isolate has: the rest is for the module and its code, caches, bodies and the heap. */
const KERNELS_MIB = 64;
/** A simulation that has the isolate for itself, with no image to cache and no body to hold, may take more of it. */
const SIMULATION_MIB = 96;
/** What a kernel with one image may grow to: enough for almost all; ext4 wants more from about 8 TiB on. */
const MOUNT_MIB = 20;

const pool = new KernelPool(kernelModule, snapshot, {
  budgetMib: KERNELS_MIB,
  aloneMib: SIMULATION_MIB,
  ready: 2,
  patienceMs: 5_000,
  pause: (ms) => scheduler.wait(ms),
});
/** Some directories have the time of the mount as theirs: the same image is to give the same tar on any day. */
const timelessHost = { ...workerHost, realtimeNs: () => 0 };
const mountingKernel = (memoryMib: number) => () => pool.acquire({ host: timelessHost, memoryMib });
const mounter = imageMounter([mountingKernel(MOUNT_MIB), mountingKernel(KERNELS_MIB)]);

const nowMs = () => Date.now();

function imagesOf({ IMAGES, FILES }: Bindings): ImageStore {
  const stored = imageStore(IMAGES, 'images/');
  return FILES ? { ...stored, device: (name: string) => fetchDevice((file) => FILES.fetch(file), name) } : stored;
}

const setup = (bindings: Bindings): SetupNeeds => ({
  newKernel: (options) => pool.acquire(options),
  image: storedImages(imagesOf(bindings)),
  host: workerHost,
});

export const Session = sessionClass({ kernels: pool, buildId: snapshot.buildId, setup, nowMs });
export const SessionIndex = sessionIndexClass(nowMs);

/** Whoever shows the same credentials: no name of an object tells them. */
async function ownerOf(credentials = ''): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(credentials));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** The whole HTTP interface, on the bindings of each request. */
export const app = createApi((c) => {
  const bindings: Bindings = c.env;
  const limits = { ...parseLimits(bindings), decoders: workerDecoders };
  const keepAlive = (work: Promise<unknown>) => c.executionCtx.waitUntil(work.catch(() => {}));
  // Once the response is under way: clean and make machines for the next requests.
  keepAlive(scheduler.wait(0).then(() => pool.refill()));
  const images = imagesOf(bindings);
  const spooled = imageStore(bindings.IMAGES, 'spool/');
  const uniqueName = () => crypto.randomUUID();
  return {
    jobs: {
      images: imageJobs(images, limits, keepAlive),
      uploads: imageUploadJobs(images, limits),
      content: imageContentJobs({ images, spooled, mounter, limits, keepAlive, uniqueName }),
      syscalls: syscallBatchJobs(setup(bindings)),
      simulations: simulationJobs({
        newKernel: (options) => pool.acquire(options),
        host: workerHost,
        budgetMib: SIMULATION_MIB,
      }),
      keepAlive,
    },
    sessions: sessionJobs({ bindings, owner: () => ownerOf(c.req.header('authorization')), uniqueName, nowMs }),
    log: console.error,
  };
});
