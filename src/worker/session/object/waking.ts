/** A kernel for a session that has none in memory: resumed from its store, or made as it was at first. */

import type { KeptTasks } from '../../../batch/kept/kept-tasks.ts';
import {
  type AttachedDisk,
  devicesOf,
  type PreparedKernel,
  prepareKernel,
  type SetupNeeds,
} from '../../../batch/kernel-setup.ts';
import { HostError } from '../../../errors/host-error.ts';
import type { Unlock } from '../../../image/stack/keyring.ts';
import type { KernelPool } from '../../../kernel/pool/pool.ts';
import { seededHost } from '../../../kernel/snapshot/seed.ts';
import type { Suspended } from '../../../kernel/snapshot/suspend.ts';
import type { UserTask } from '../../../kernel/user-task.ts';
import { hijackKernel, readHijack } from '../hijack.ts';
import type { Interfaces } from '../interfaces/interfaces.ts';
import type { Ports } from '../ports/ports.ts';
import type { SessionInfo, SessionRequest } from '../rpc.ts';
import { fillUpper } from '../saved.ts';
import type { Parts } from '../store.ts';
import type { StraceTail } from '../strace-tail.ts';
import type { Meta } from './lifecycle.ts';

/** What a session needs of the world. */
export interface SessionNeeds {
  readonly kernels: Pick<KernelPool, 'resume' | 'cleanMemory'>;
  /** Of the kernel that `kernels` have. */
  readonly buildId: string;
  nowMs(): number;
}

export interface Live extends PreparedKernel {
  readonly strace: StraceTail;
  /** Those that outlive a batch. */
  readonly tasks: KeptTasks;
  /** Its servers, as clients reach them. */
  readonly ports: Ports;
  /** Its network cards. */
  readonly interfaces: Interfaces;
}

/** A new kernel; `hijack` says what became of the keys of that object, if there is one. */
export async function made(
  request: SessionRequest,
  needs: SetupNeeds,
  unlock: Unlock = {},
): Promise<{ readonly prepared: PreparedKernel; readonly hijack?: SessionInfo['hijack'] }> {
  const plan = request.hijack === undefined ? undefined : readHijack(request.hijack);
  const prepared = await prepareKernel(request, needs, unlock);
  if (!plan) return { prepared };
  const apply = (init: UserTask) => hijackKernel(init, plan);
  return { prepared, hijack: await orKilled(prepared, ({ kernel }) => apply(kernel.init)) };
}

export async function remade({ request, etags }: Meta, needs: SetupNeeds): Promise<PreparedKernel> {
  const prepared = await prepareKernel(request, needs);
  await orKilled(prepared, async ({ disks }) => mustBe(disks, etags));
  return prepared;
}

/** A kernel that nobody gets is killed. */
async function orKilled<T>(prepared: PreparedKernel, action: (prepared: PreparedKernel) => Promise<T>): Promise<T> {
  try {
    return await action(prepared);
  } catch (cause) {
    prepared.kernel.kill();
    throw cause;
  }
}

/** From `suspended`, and from what else is in `parts`: the disks' writes and the log. */
export async function resumed(
  { request, etags }: Meta,
  suspended: Suspended,
  parts: Parts,
  needs: SetupNeeds,
  { kernels, nowMs, signal }: Pick<SessionNeeds, 'kernels' | 'nowMs'> & { readonly signal: AbortSignal },
): Promise<PreparedKernel> {
  const images = needs.openImages();
  try {
    const disks = await devicesOf(request.disks, needs, images);
    mustBe(disks, etags);
    for (const [index, { upper }] of disks.entries()) if (upper) fillUpper(upper, parts, index);
    const { seed, clock, memoryMib, programMib = 0 } = request;
    // A seed decides the beginning alone: two copies of one session do not go on alike.
    const host = seed === undefined ? needs.host : seededHost(needs.host, `${seed} ${nowMs()}`);
    const devices = disks.map(({ device }) => device);
    const kernel = await kernels.resume(suspended, { host, clock, memoryMib, programMib, disks: devices, signal });
    kernel.engine.onDeath(() => images.release?.());
    kernel.engine.console.append(parts.get('console') ?? new Uint8Array(0));
    return { kernel, disks };
  } catch (cause) {
    images.release?.();
    throw cause;
  }
}

/** Bytes of one version of an image and of another must not mix. */
function mustBe(disks: readonly AttachedDisk[], etags: readonly (string | null)[]): void {
  for (const [index, { etag = null, request }] of disks.entries()) {
    if (etag === etags[index]) continue;
    throw new HostError('session-image-changed', `image ${request.image} was replaced: it is ${etag} now`, {
      members: { image: request.image, etag: etags[index] },
    });
  }
}
