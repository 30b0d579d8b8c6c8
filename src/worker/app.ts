/** The composition root: routes onto jobs, jobs onto bindings, clock and randomness. */

import packageFile from '../../package.json' with { type: 'json' };
import kernelFile from '../../wasm/dist/kernel.json' with { type: 'json' };
import kernelModule from '../../wasm/dist/kernel.wasm';
import snapshot from '../../wasm/dist/snapshot.json' with { type: 'json' };
import { toHex } from '../bytes/hex.ts';
import { type ImageNames, linux } from '../linux.ts';
import { authenticate } from './access/authenticate.ts';
import { accessConfig } from './access/config.ts';
import { imagesFor } from './access/images.ts';
import { tokenJobs } from './access/tokens.ts';
import { MemoryBudget } from './bodies/budget.ts';
import { workerDecoders } from './decoders.ts';
import { type Bindings, parseLimits } from './env.ts';
import { workerHost } from './host.ts';
import { imageContentJobs } from './images/content.ts';
import { imageJobs } from './images/images.ts';
import { storedImages } from './images/stored-images.ts';
import { imageUploadJobs } from './images/uploads.ts';
import { imageVersionJobs } from './images/versions.ts';
import { imageWriteJobs } from './images/writing.ts';
import { createApi } from './routes/api.ts';
import { serveSession } from './routes/sessions/serve.ts';
import { sessionClass } from './session/session.ts';
import { sessionIndexClass } from './session/session-index.ts';
import { sessionJobs } from './session/sessions.ts';
import { tokenRegistryClass } from './session/token-registry.ts';
import { type ImageStore, imageStore, spoolStore } from './storage/image-store.ts';
import { uploadMarks } from './storage/upload-marks.ts';

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
  derive: { argon2Mib: 16 }, // beside what bodies, caches and kernels may hold already
});

/** Beside kernels: what bodies, spools, lines, caches, disks and queues of all requests of the isolate may hold. */
const memory = new MemoryBudget({ bytes: 40 * 2 ** 20, patienceMs: 5_000, host: workerHost });
/** Of that, what caches and disks leave to bodies, which cannot do with less. */
const FIRM_BYTES = 12 * 2 ** 20;

const nowMs = () => Date.now();

const imagesOf = ({ IMAGES }: Bindings, owner?: string): ImageStore =>
  imageStore(IMAGES, { prefix: 'images/', contents: 'contents/', volumes: 'volumes/', owner, uniqueName });

/** Their disks' memory is counted as the kernel's own for as long as that lives. */
function namedImages(images: ImageStore, owner?: string): ImageNames {
  const room = memory.hold({ leaveBytes: FIRM_BYTES });
  if (owner !== undefined) room.belongTo(owner);
  return { image: storedImages(images, room), room };
}

export const Session = sessionClass({
  kernels: engine.kernels,
  buildId: engine.buildId,
  // Whoever made the session could read its images then; it has the very same ones after that.
  setup: (bindings, signal) => engine.for({ signal }).setup(namedImages(imagesOf(bindings))),
  serve: (socket, url, session) => serveSession(socket, url, session, memory.hold()),
  nowMs,
});
export const SessionIndex = sessionIndexClass(nowMs);
export const TokenRegistry = tokenRegistryClass(nowMs);

const uniqueName = () => crypto.randomUUID();
const random = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes));

const tokensOf = (bindings: Bindings) => tokenJobs({ bindings, random, nowMs });

async function fetchKeys(url: string): Promise<readonly JsonWebKey[]> {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
  return ((await answer.json()) as { readonly keys: readonly JsonWebKey[] }).keys;
}

/** The whole HTTP interface, on the bindings of each request. */
export const app = createApi({
  life(c) {
    const hold = memory.hold();
    const room = memory.hold({ leaveBytes: FIRM_BYTES });
    let running = 0;
    const background = (work: Promise<unknown>) => c.executionCtx.waitUntil(work.catch(() => {}));
    // Once the response is under way: clean and make machines for the next requests.
    background(workerHost.pause(0).then(() => engine.kernels.refill()));
    return {
      memory: hold,
      room,
      keepAlive(work) {
        running++;
        const ended = () => {
          if (--running > 0) return;
          hold.release();
          room.release();
        };
        background(work.finally(ended));
      },
    };
  },
  gate(c) {
    const bindings: Bindings = c.env;
    const config = accessConfig(bindings);
    const needs = { config, tokens: tokensOf(bindings), fetchKeys, nowMs };
    return { config, principal: () => authenticate((name) => c.req.header(name), needs) };
  },
  jobs(c, principal, { keepAlive, memory: hold, room }) {
    for (const held of [hold, room]) held.belongTo(principal.id);
    const bindings: Bindings = c.env;
    const limits = { ...parseLimits(bindings), decoders: workerDecoders };
    const own = engine.for({ owner: principal.id, signal: c.req.raw.signal });
    const images = imagesFor(imagesOf(bindings, principal.id), principal);
    const spooled = spoolStore(bindings.IMAGES, 'spool/');
    return {
      jobs: {
        images: imageJobs({ store: images, limits, keepAlive, memory: hold }),
        uploads: imageUploadJobs({
          store: images,
          marks: uploadMarks(bindings.IMAGES, 'uploads/', nowMs),
          maxImageBytes: limits.maxImageBytes,
        }),
        content: imageContentJobs({ images, spooled, engine: own, limits, memory: hold, room, keepAlive, uniqueName }),
        versions: imageVersionJobs({ images, keepAlive, nowMs }),
        writing: imageWriteJobs({ images, engine: own, keepAlive, room, nowMs, writerName: () => toHex(random(8)) }),
        syscalls: own.batches(namedImages(images, principal.id)),
        packetdrill: own.packetdrill,
        simulations: own.simulations,
        keepAlive,
      },
      sessions: sessionJobs({
        bindings,
        owner: principal.id,
        images,
        uniqueName,
        nowMs,
        signal: c.req.raw.signal,
      }),
      tokens: tokensOf(bindings),
    };
  },
  service: {
    health: () => ({ ...engine.kernels.health(), memoryBytes: memory.usedBytes, memoryTotalBytes: memory.totalBytes }),
    version: {
      version: packageFile.version,
      linux: kernelFile.linux,
      source: `linux ${kernelFile.packages['linux-source-6.12']}`,
      buildId: engine.buildId,
    },
  },
  nowMs,
  uniqueName,
  log: console.error,
  logLine: (c, line) => {
    const bindings: Bindings = c.env;
    if (bindings.REQUEST_LOG !== 'off') console.log(JSON.stringify(line));
  },
});
