/** The composition root: routes onto jobs, jobs onto bindings, clock and randomness. */

import kernelModule from '../../wasm/dist/kernel.wasm';
import snapshot from '../../wasm/dist/snapshot.json' with { type: 'json' };
import { type ImageNames, linux } from '../linux.ts';
import { MemoryBudget } from './bodies/budget.ts';
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
import { type ImageStore, imageStore } from './storage/image-store.ts';

/** One engine an isolate: its memory is what all requests of the isolate share. */
const engine = linux({
  module: kernelModule,
  snapshot,
  host: workerHost,
  limits: {
    // Of the 128 MiB an isolate has: the rest is for the module and its code, caches, bodies and the heap.
    kernelsMib: 64,
    // A simulation that has the isolate for itself, with no image to cache and no body to hold, may take more of it.
    aloneMib: 96,
    // Enough for almost all images; ext4 wants more from about 8 TiB on.
    mountMib: [20, 64],
    ready: 2,
    patienceMs: 5_000,
  },
});

const nowMs = () => Date.now();

const imagesOf = ({ IMAGES }: Bindings): ImageStore => imageStore(IMAGES, 'images/');

const namedImages = (bindings: Bindings): ImageNames => ({ image: storedImages(imagesOf(bindings)) });

export const Session = sessionClass({
  kernels: engine.kernels,
  buildId: engine.buildId,
  setup: (bindings) => engine.setup(namedImages(bindings)),
  nowMs,
});
export const SessionIndex = sessionIndexClass(nowMs);

/** Whoever shows the same credentials: no name of an object tells them. */
async function ownerOf(credentials = ''): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(credentials));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Beside kernels: what bodies, spools, lines, caches and queues of all requests of the isolate may hold. */
const memory = new MemoryBudget({ bytes: 40 * 2 ** 20, patienceMs: 5_000, host: workerHost });

/** The whole HTTP interface, on the bindings of each request. */
export const app = createApi((c) => {
  const bindings: Bindings = c.env;
  const limits = { ...parseLimits(bindings), decoders: workerDecoders };
  const { signal } = c.req.raw;
  const hold = memory.hold();
  let running = 0;
  const background = (work: Promise<unknown>) => c.executionCtx.waitUntil(work.catch(() => {}));
  const keepAlive = (work: Promise<unknown>) => {
    running++;
    background(
      work.finally(() => {
        if (--running === 0) hold.release();
      }),
    );
  };
  // Once the response is under way: clean and make machines for the next requests.
  background(workerHost.pause(0).then(() => engine.kernels.refill()));
  const own = engine.for({ owner: c.req.header('authorization') ?? '', signal });
  const images = imagesOf(bindings);
  const spooled = imageStore(bindings.IMAGES, 'spool/');
  const uniqueName = () => crypto.randomUUID();
  return {
    jobs: {
      images: imageJobs(images, limits, keepAlive),
      uploads: imageUploadJobs(images, limits),
      content: imageContentJobs({ images, spooled, engine: own, limits, memory: hold, keepAlive, uniqueName }),
      syscalls: own.batches(namedImages(bindings)),
      simulations: own.simulations,
      health: () => ({
        ...engine.kernels.health(),
        memoryBytes: memory.usedBytes,
        memoryTotalBytes: memory.totalBytes,
      }),
      keepAlive,
    },
    sessions: sessionJobs({ bindings, owner: () => ownerOf(c.req.header('authorization')), uniqueName, nowMs }),
    memory: hold,
    log: console.error,
  };
});
