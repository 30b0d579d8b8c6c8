/** All jobs a request may ask for, ready to run. */

import type { ImageContentJobs } from './image-content.ts';
import type { ImageUploadJobs } from './image-uploads.ts';
import type { ImageJobs, KeepAlive } from './images.ts';
import type { SimulationJobs } from './simulate.ts';
import type { SyscallBatchJobs } from './syscall-batch.ts';

export interface Jobs {
  readonly images: ImageJobs;
  readonly uploads: ImageUploadJobs;
  readonly content: ImageContentJobs;
  readonly syscalls: SyscallBatchJobs;
  readonly simulations: SimulationJobs;
  readonly keepAlive: KeepAlive;
}
