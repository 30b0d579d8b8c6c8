/** All jobs a request may ask for, ready to run. */

import type { SyscallBatchJobs } from '../batch/syscall-batch.ts';
import type { PacketdrillJobs } from '../packetdrill/packetdrill.ts';
import type { SimulationJobs } from '../simulation/simulate.ts';
import type { DavJobs } from './dav/jobs.ts';
import type { ImageContentJobs } from './images/content.ts';
import type { ImageJobs, KeepAlive } from './images/images.ts';
import type { ImageUploadJobs } from './images/uploads.ts';
import type { ImageVersionJobs } from './images/versions.ts';
import type { ImageWriteJobs } from './images/writing.ts';
import type { FileSystemJobs } from './programs/file-systems.ts';
import type { RunJobs } from './programs/run.ts';

export interface Jobs {
  readonly images: ImageJobs;
  readonly uploads: ImageUploadJobs;
  readonly content: ImageContentJobs;
  readonly versions: ImageVersionJobs;
  readonly writing: ImageWriteJobs;
  readonly dav: DavJobs;
  readonly programs: RunJobs;
  readonly fileSystems: FileSystemJobs;
  readonly syscalls: SyscallBatchJobs;
  readonly packetdrill: PacketdrillJobs;
  readonly simulations: SimulationJobs;
  readonly keepAlive: KeepAlive;
}
