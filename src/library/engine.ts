/** Where kernels run: compiled once, with one bound on the memory of all of them together. */

import type { Limits, Linux } from '../linux.ts';
import { nodeLinux } from '../node/engine.ts';

export interface EngineOptions {
  /** MiB for all kernels together. Default: 1024. An open image has 20 at first; one that needs it, 64 or 256. */
  readonly memoryMib?: number | undefined;
  /** Milliseconds to wait for memory before `ERR_KERNEL_BUSY`. Default: 30,000. */
  readonly patienceMs?: number | undefined;
}

/** One is made for the whole process where none is given; `createEngine` makes another. */
export class Engine {
  /** Names the kernel. */
  readonly buildId: string;
  readonly #linux: Linux;

  /** @internal */
  constructor(linux: Linux) {
    this.#linux = linux;
    this.buildId = linux.buildId;
  }

  /** @internal */
  static linuxOf(engine: Engine): Linux {
    return engine.#linux;
  }
}

/** An engine with bounds of its own. */
export async function createEngine({ memoryMib, patienceMs }: EngineOptions = {}): Promise<Engine> {
  const limits: Partial<Limits> = {
    ...(memoryMib !== undefined && { kernelsMib: memoryMib }),
    ...(patienceMs !== undefined && { patienceMs }),
  };
  return new Engine(await nodeLinux({ limits }));
}

let shared: Promise<Linux> | undefined;

/**
 * The engine asked for, or the one that the process shares.
 *
 * @internal
 */
export function linuxOf(engine: Engine | undefined): Promise<Linux> {
  if (engine) return Promise.resolve(Engine.linuxOf(engine));
  shared ??= nodeLinux().catch((cause) => {
    shared = undefined; // the next one may have more luck
    throw cause;
  });
  return shared;
}
