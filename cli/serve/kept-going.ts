/** A workerd behind a door, that is started again when it gives no sign of life: a program that computes for ever stops all of it, and no limit of the platform ends it here. */

import { openFront } from './front.ts';

/** A workerd that starts. */
export interface Runtime {
  /** Where the Worker listens, on loopback. */
  readonly ready: Promise<URL>;
  dispose(): Promise<void>;
}

/** What is used of Miniflare. */
interface Started {
  readonly ready: Promise<unknown>;
  unsafeGetDirectURL(worker: string): Promise<URL>;
  dispose(): Promise<void>;
}

/**
 * A Worker that is asked as it is: what miniflare has in front of it believes headers that say another host and path
 * (`MF-Original-URL`). It needs `unsafeDirectSockets: [{}]`.
 */
export const direct = (worker: string, started: Started): Runtime => ({
  ready: started.ready.then(() => started.unsafeGetDirectURL(worker)),
  dispose: () => started.dispose(),
});

export interface KeptGoingOptions {
  /** Starts it, on any port that is free. */
  start(): Runtime;
  /** Where clients find it. Port 0 takes any that is free. */
  readonly host: string;
  readonly port: number;
  /** So long it may say nothing: longer than a program may run. */
  readonly patienceMs?: number;
  /** How often it is asked. */
  readonly everyMs?: number;
  /** Told each time it had to be started again. */
  readonly told: (message: string) => void;
}

export interface KeptGoing {
  readonly url: URL;
  end(): Promise<void>;
}

const PATIENCE_MS = 90_000;
const EVERY_MS = 5_000;

/** Settles once it serves. */
export async function keptGoing(options: KeptGoingOptions): Promise<KeptGoing> {
  const { start, host, port, patienceMs = PATIENCE_MS, everyMs = EVERY_MS, told } = options;
  let runtime = start();
  let inner: URL | undefined = await runtime.ready;
  const to = () => inner && { host: inner.hostname, port: Number(inner.port) };
  const front = await openFront({ host, port, to }).catch(async (cause: unknown) => {
    await runtime.dispose();
    throw cause;
  });
  let ended = false;
  let asking: Promise<void> = Promise.resolve();

  async function look(): Promise<void> {
    if (ended || (inner && (await answers(inner, patienceMs))) || ended) return;
    told(`the Worker gave no sign of life for ${patienceMs / 1000} s: it is started again`);
    inner = undefined;
    await runtime.dispose();
    if (ended) return;
    runtime = start();
    inner = await runtime.ready;
  }

  const timer = setInterval(() => {
    asking = asking.then(look).catch((cause: unknown) => told(`the Worker could not be started again: ${cause}`));
  }, everyMs);
  timer.unref(); // its own process keeps the program going

  return {
    url: new URL(`http://${host.includes(':') ? `[${host}]` : host}:${front.port}`),
    async end() {
      ended = true;
      clearInterval(timer);
      await front.close();
      await runtime.dispose();
    },
  };
}

/** False: nothing came in time. A connection that is refused is one that is being made anew. */
async function answers(url: URL, patienceMs: number): Promise<boolean> {
  const untilMs = performance.now() + patienceMs;
  for (;;) {
    const restMs = untilMs - performance.now();
    if (restMs <= 0) return false;
    try {
      const answer = await fetch(new URL('/healthz', url), { signal: AbortSignal.timeout(Math.ceil(restMs)) });
      await answer.arrayBuffer();
      return true;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, Math.min(500, Math.max(0, untilMs - performance.now()))));
    }
  }
}
