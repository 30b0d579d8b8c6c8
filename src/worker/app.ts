/** The composition root: routes onto jobs, jobs onto bindings, clock and randomness. */

import packageFile from '../../package.json' with { type: 'json' };
import kernelFile from '../../wasm/dist/kernel.json' with { type: 'json' };
import kernelModule from '../../wasm/dist/kernel.wasm';
import snapshot from '../../wasm/dist/snapshot.json' with { type: 'json' };
import { toHex } from '../bytes/hex.ts';
import type { Caller } from '../kernel/pool/caller.ts';
import { linux, type OpenImages } from '../linux.ts';
import { authenticate } from './access/authenticate.ts';
import { type AccessConfig, accessConfig } from './access/config.ts';
import { imagesFor } from './access/images.ts';
import { linkJobs } from './access/links.ts';
import type { Principal } from './access/principal.ts';
import { type TokenJobs, tokenJobs } from './access/tokens.ts';
import { MemoryBudget } from './bodies/budget.ts';
import { davClass } from './dav/dav.ts';
import { atRest, davJobs } from './dav/jobs.ts';
import { workerDecoders } from './decoders.ts';
import { type Bindings, parseLimits } from './env.ts';
import { workerHost } from './host.ts';
import { imageContentJobs } from './images/content.ts';
import { type ImageDisks, imageDisks } from './images/disks.ts';
import { imageJobs, type KeepAlive } from './images/images.ts';
import { storedImages } from './images/stored-images.ts';
import { type UnpackFor, unpackFor } from './images/undone.ts';
import { imageUploadJobs } from './images/uploads.ts';
import { imageVersionJobs } from './images/versions.ts';
import { imageWriteJobs } from './images/writing.ts';
import { countedImages } from './limits/counted-images.ts';
import { kernelCount } from './limits/kernel-count.ts';
import { secondsLeft } from './limits/kernel-seconds.ts';
import { ledgerClass } from './limits/ledger.ts';
import type { LedgerRpc } from './limits/ledger-rpc.ts';
import { type Quotas, quotasOf } from './limits/quotas.ts';
import { admitted } from './limits/rate.ts';
import { sessionMeter } from './limits/session-meter.ts';
import { usageOf } from './limits/usage.ts';
import { auditedBy } from './observe/audit.ts';
import { type AuditTrailRpc, auditTrailClass, TRAIL } from './observe/audit-trail.ts';
import { countedBucket } from './observe/counted-bucket.ts';
import { Metrics } from './observe/metrics.ts';
import type { Phases } from './observe/phases.ts';
import { auditEntry, dataPoint, metricsText, noteRequest } from './observe/report.ts';
import { fileSystemJobs } from './programs/file-systems.ts';
import { runJobs } from './programs/run.ts';
import { workerToolbox } from './programs/toolbox.ts';
import { createApi } from './routes/api.ts';
import { serveSession } from './routes/sessions/serve.ts';
import { type SessionIndexRpc, valueIn } from './session/rpc.ts';
import { sessionClass } from './session/session.ts';
import { sessionIndexClass } from './session/session-index.ts';
import { sessionJobs } from './session/sessions.ts';
import { tokenRegistryClass } from './session/token-registry.ts';
import { type ImageStore, imageStore, spoolStore } from './storage/image-store.ts';
import { bucketSpill } from './storage/replay-spill.ts';
import { uploadMarks } from './storage/upload-marks.ts';

/** What keys of passphrases may cost, beside what bodies, caches and kernels may hold already. */
const derive = { argon2Mib: 16 };

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
    // Planning such a network is a second of computing in which nobody else has a turn.
    simulatedParts: 20_000,
    ready: 2,
    patienceMs: 5_000,
  },
  derive,
  toolbox: () => workerToolbox(),
});

/** Beside kernels: what bodies, spools, lines, caches, disks and queues of all requests of the isolate may hold. */
const memory = new MemoryBudget({ bytes: 40 * 2 ** 20, patienceMs: 5_000, host: workerHost });
/** Of that, what caches and disks leave to bodies, which cannot do with less. */
const FIRM_BYTES = 12 * 2 ** 20;

/** Of what replaying a journal changes: in memory first, then in the bucket. */
const REPLAY = { memoryMib: 8, limitMib: 1024 };

const nowMs = () => Date.now();
const uniqueName = () => crypto.randomUUID();
const random = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes));

const metrics = new Metrics();

/** The bucket, whose operations are counted; those of a request are its phase `read`, too. */
const bucketOf = ({ IMAGES }: Bindings, phases?: Phases): R2Bucket =>
  countedBucket(IMAGES, nowMs, (operation, ms, failed) => {
    metrics.count('lkl_r2_operations_total', 'Operations of the bucket.', { operation, failed: String(failed) });
    phases?.add('read', ms);
  });

interface ImagesOptions {
  readonly owner?: string;
  readonly phases?: Phases;
}
const imagesOf = (bindings: Bindings, { owner, phases }: ImagesOptions = {}): ImageStore =>
  imageStore(bucketOf(bindings, phases), {
    prefix: 'images/',
    contents: 'contents/',
    volumes: 'volumes/',
    making: 'making/',
    owner,
    uniqueName,
    nowMs,
    retried: () => metrics.count('lkl_r2_retries_total', 'Reads of the bucket that were asked again.'),
  });

/** What is compressed inside of images, undone in the bucket as long as a hold of memory lasts. */
const undoneOf = (bindings: Bindings, keepAlive: KeepAlive, phases?: Phases): UnpackFor =>
  unpackFor({
    spooled: spoolStore(bucketOf(bindings, phases), 'spool/'),
    limits: { ...parseLimits(bindings), decoders: workerDecoders },
    keepAlive,
    uniqueName,
  });

/** A Durable Object lives as long as it works: nobody has to keep it. What fails then is garbage, not harm. */
const ended: KeepAlive = (work) => void work.catch(() => {});

/** Their disks' memory is counted as the kernel's own for as long as that lives. */
function namedImages(images: ImageStore, undone: UnpackFor, owner?: string): OpenImages {
  return () => {
    const room = memory.hold({ leaveBytes: FIRM_BYTES });
    if (owner !== undefined) room.belongTo(owner);
    return storedImages(images, undone, room);
  };
}

/** Whether somebody waits for memory. */
const isWanted = () => engine.kernels.health().waiting > 0;

export const Session = sessionClass({
  kernels: engine.kernels,
  buildId: engine.buildId,
  // Whoever made the session could read its images then; it has the very same ones after that.
  setup: (bindings, signal) => engine.for({ signal }).setup(namedImages(imagesOf(bindings), undoneOf(bindings, ended))),
  toolbox: () => workerToolbox(),
  isLetIn: async (bindings, principal) => {
    const [, token] = /^token:(.*)$/.exec(principal) ?? [];
    return token === undefined || (await tokensOf(bindings).rowById(token)) !== undefined;
  },
  serve: (socket, url, session) => serveSession(socket, url, session, memory.hold()),
  meter: meterOf,
  isWanted,
  nowMs,
});
/** Images as their Durable Objects have them for WebDAV: what is written counts as their owners'. */
export const Dav = davClass({
  mounting(bindings, principal, { keepAlive, signal }) {
    const ledger = ledgerOf(bindings);
    const images = countedImages({
      store: imagesOf(bindings),
      principal: principal ?? '',
      quotas: {},
      quotasOf: (id) => quotasFor(bindings, { id }),
      ledgerOf: ledger,
      uniqueName,
    });
    return {
      engine: engine.for({ signal, ...(principal !== undefined && { owner: principal }) }),
      images,
      disks: (room) =>
        imageDisks({ images, spool: images, keepAlive, room, nowMs, writerName: () => toHex(random(8)) }),
      openRoom() {
        const room = memory.hold({ leaveBytes: FIRM_BYTES });
        signal.addEventListener('abort', () => room.release());
        return room;
      },
      unpackFor: undoneOf(bindings, keepAlive),
    };
  },
  meter: meterOf,
  nowMs,
  pause: workerHost.pause,
  uniqueName,
  isWanted,
  log: console.error,
});
export const SessionIndex = sessionIndexClass(nowMs);
export const TokenRegistry = tokenRegistryClass(nowMs);
export const Ledger = ledgerClass(nowMs);
export const AuditTrail = auditTrailClass(nowMs);

const tokensOf = (bindings: Bindings) => tokenJobs({ bindings, random, nowMs });
const linksOf = (tokens: TokenJobs, config: AccessConfig) => linkJobs({ key: tokens.linkKey, tokens, config, nowMs });
const ledgerOf = (bindings: Bindings) => (principal: string) =>
  bindings.LEDGER.getByName(principal) as unknown as LedgerRpc;
const trailOf = (bindings: Bindings) => bindings.AUDIT_TRAIL.getByName(TRAIL) as unknown as AuditTrailRpc;
const quotasFor = (bindings: Bindings, { id }: Pick<Principal, 'id'>): Quotas =>
  quotasOf(id, bindings.QUOTAS, accessConfig(bindings).isOpen);

/** What a Durable Object's kernel has is its owner's: counted for as long as it lives. */
function meterOf(bindings: Bindings) {
  return sessionMeter({
    quotasOf: (id) => quotasFor(bindings, { id }),
    ledgerOf: ledgerOf(bindings),
    nowMs,
    monotonicNs: workerHost.monotonicNs,
  });
}

async function fetchKeys(url: string): Promise<readonly JsonWebKey[]> {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
  return ((await answer.json()) as { readonly keys: readonly JsonWebKey[] }).keys;
}

const health = () => {
  memory.sweep();
  return { ...engine.kernels.health(), memoryBytes: memory.usedBytes, memoryTotalBytes: memory.totalBytes };
};

/** The whole HTTP interface, on the bindings of each request. */
export const app = createApi({
  life(c) {
    const hold = memory.hold();
    const room = memory.hold({ leaveBytes: FIRM_BYTES });
    const last: (() => void)[] = [() => hold.release(), () => room.release()];
    let running = 0;
    const background = (work: Promise<unknown>) => c.executionCtx.waitUntil(work.catch(() => {}));
    // Once the response is under way: clean and make machines for the next requests.
    background(workerHost.pause(0).then(() => engine.kernels.refill()));
    return {
      memory: hold,
      room,
      whenEnded: (action) => void last.push(action),
      keepAlive(work) {
        running++;
        const ended = () => {
          if (--running === 0) for (const action of last.splice(0)) action();
        };
        background(work.finally(ended));
      },
    };
  },
  gate(c) {
    const bindings: Bindings = c.env;
    const config = accessConfig(bindings);
    const tokens = tokensOf(bindings);
    const needs = { config, tokens, links: linksOf(tokens, config), fetchKeys, nowMs };
    const asked = { method: c.req.raw.method, url: new URL(c.req.url), header: (name: string) => c.req.header(name) };
    return { config, principal: () => authenticate(asked, needs) };
  },
  admit(c, principal) {
    const bindings: Bindings = c.env;
    const quotas = quotasFor(bindings, principal);
    const ledger = ledgerOf(bindings)(principal.id);
    return admitted({ principal: principal.id, quotas, ledger, limiter: bindings.RATE_LIMIT });
  },
  jobs(c, principal, { keepAlive, whenEnded, memory: hold, room, meter }, { used }) {
    for (const held of [hold, room]) held.belongTo(principal.id);
    const bindings: Bindings = c.env;
    const { phases } = meter;
    const limits = { ...parseLimits(bindings), decoders: workerDecoders };
    const quotas = quotasFor(bindings, principal);
    const ledger = ledgerOf(bindings);
    const spill = {
      ...REPLAY,
      room,
      open: () => bucketSpill({ bucket: bucketOf(bindings, phases), prefix: `spool/${uniqueName()}/`, keepAlive }),
    };
    const mayUseKernel = secondsLeft({ quotas, ledger: ledger(principal.id), used });
    const running = kernelCount({ quotas, ledger: ledger(principal.id), uniqueName, host: workerHost });
    const caller = {
      owner: principal.id,
      signal: c.req.raw.signal,
      most: { kernels: quotas.kernels, mib: quotas.kernel_mib },
      counted: running.enter,
      timed(phase: Parameters<NonNullable<Caller['timed']>>[0], ms: number) {
        if (phase === 'kernel') meter.kernelMs += ms;
        else phases.add(phase, ms);
      },
    };
    const own = engine.for(caller, { spill });
    whenEnded(() => {
      const gone = running.end();
      const isPaid = Number.isFinite(quotas.kernel_seconds_per_minute ?? Infinity) && meter.kernelMs > 0;
      if (isPaid || gone.length > 0) keepAlive(ledger(principal.id).spend(meter.kernelMs / 1000, gone));
    });
    const stored = imagesOf(bindings, { owner: principal.id, phases });
    const counted = Number.isFinite(quotas.stored_bytes ?? Infinity)
      ? countedImages({
          store: stored,
          principal: principal.id,
          quotas,
          quotasOf: (id) => quotasFor(bindings, { id }),
          ledgerOf: ledger,
          uniqueName,
        })
      : stored;
    const images = imagesFor(counted, principal);
    const spooled = spoolStore(bucketOf(bindings, phases), 'spool/');
    const spool = { spooled, limits, memory: hold, room, keepAlive, uniqueName };
    const undone = undoneOf(bindings, keepAlive, phases);
    const unpack = undone(room);
    const made = imageDisks({ images, spool: stored, keepAlive, room, nowMs, writerName: () => toHex(random(8)) });
    const disks: ImageDisks = {
      ...made,
      async open(name, ...rest) {
        await images.mayWrite(name);
        await atRest(bindings, name);
        return made.open(name, ...rest);
      },
    };
    const tokens = tokensOf(bindings);
    const most = { sessions: quotas.sessions, memoryMib: quotas.session_mib };
    return {
      jobs: {
        images: imageJobs({ store: images, limits, keepAlive, memory: hold }),
        uploads: imageUploadJobs({
          store: images,
          marks: uploadMarks(bindings.IMAGES, 'uploads/', nowMs),
          maxImageBytes: limits.maxImageBytes,
        }),
        content: imageContentJobs({ images, engine: own, ...spool }),
        versions: imageVersionJobs({ images, keepAlive, nowMs }),
        writing: imageWriteJobs({ disks, engine: own, limits }),
        dav: davJobs({ bindings, principal: principal.id, images, mayUseKernel }),
        fileSystems: fileSystemJobs({ images, disks, engine: own, host: workerHost, spool, unpack, derive }),
        programs: runJobs({
          images,
          disks,
          engine: own,
          host: workerHost,
          room,
          unpack,
          maxImageBytes: limits.maxImageBytes,
        }),
        syscalls: own.batches(namedImages(images, undone, principal.id)),
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
        mayUseKernel,
        most,
      }),
      tokens,
      links: linksOf(tokens, accessConfig(bindings)),
      audit: { list: async (query) => valueIn(await trailOf(bindings).list(query)) },
      usageOf: (id) =>
        usageOf({
          quotas: quotasFor(bindings, { id }),
          ledger: ledger(id),
          sessions: bindings.SESSION_INDEX.getByName(id) as unknown as SessionIndexRpc,
          isRateBound: bindings.RATE_LIMIT !== undefined,
        }),
    };
  },
  service: {
    health,
    version: {
      version: packageFile.version,
      linux: kernelFile.linux,
      source: `linux ${kernelFile.packages['linux-source-6.12']}`,
      buildId: engine.buildId,
    },
  },
  metrics: () => metricsText(metrics, health()),
  nowMs,
  uniqueName,
  log: console.error,
  ended(c, line) {
    const bindings: Bindings = c.env;
    noteRequest(metrics, line);
    bindings.ANALYTICS?.writeDataPoint(dataPoint(line));
    if (bindings.REQUEST_LOG !== 'off') console.log(JSON.stringify(line));
    const { isOpen } = accessConfig(bindings);
    const entry = auditEntry(line, nowMs());
    if (entry && auditedBy(bindings.AUDIT, isOpen)(line.method)) {
      c.executionCtx.waitUntil(trailOf(bindings).add(entry).catch(console.error));
    }
  },
});
