/** virtio-rng: the host's randomness as /dev/hwrng (Virtio 1.2, section 5.4). */

import type { Host } from '../host.ts';
import type { KernelMemory } from '../memory.ts';
import { type VirtioDevice, VirtioMmio } from './mmio.ts';
import type { VirtQueue } from './queue.ts';

export class VirtioRng implements VirtioDevice {
  readonly id = 4;
  readonly features = 0n;
  readonly config = new Uint8Array(0);
  readonly queues = 1;
  readonly transport: VirtioMmio;
  readonly #memory: KernelMemory;
  readonly #entropy: Host['entropy'];

  constructor(entropy: Host['entropy'], memory: KernelMemory, irq: () => void) {
    this.#memory = memory;
    this.#entropy = entropy;
    this.transport = new VirtioMmio(this, memory, irq);
  }

  notify(queue: VirtQueue): void {
    let wanted = false;
    for (let chain = queue.pop(); chain; chain = queue.pop()) {
      let written = 0;
      for (const segment of chain.segments) {
        if (!segment.writable) continue;
        const bytes = new Uint8Array(segment.bytes);
        this.#entropy(bytes);
        this.#memory.write(segment.at, bytes);
        written += bytes.length;
      }
      wanted = queue.push(chain, written) || wanted;
    }
    if (wanted) this.transport.interrupt();
  }
}
