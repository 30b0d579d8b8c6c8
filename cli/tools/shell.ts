/** A shell with an image mounted, in this process. */

import type { MountRequest } from '../../src/image/mounted-image.ts';
import { nodeDerive } from '../../src/node/derive.ts';
import { nodeSpill } from '../../src/node/engine.ts';
import type { BlockDevice } from '../../src/storage/block-device.ts';
import { mountRequest, openDiskFile, openStackFiles } from '../input/disk.ts';
import type { DiskOptions, MountOptions, StackOptions } from '../options.ts';
import { mustBeToWrite, stackToWrite } from '../write/session.ts';
import { ownProgramsOf } from './own-programs.ts';
import { inWorkshop } from './shop.ts';
import { isTerminal, withStandardStreams } from './standard-streams.ts';

export interface ShellOptions extends MountOptions, DiskOptions, StackOptions {
  readonly readOnly?: true;
  /** Modules of one's own: `FILE` or `NAME=FILE`. */
  readonly program?: readonly string[];
}

interface Opened {
  readonly device: BlockDevice;
  readonly request: MountRequest;
  close(): void;
}

async function toRead(image: string, options: ShellOptions): Promise<Opened> {
  const [{ device }, stack] = await Promise.all([openDiskFile(image, options), openStackFiles(options)]);
  return { device, request: { ...mountRequest(options), ...stack }, close: () => {} };
}

async function toWrite(image: string, options: ShellOptions): Promise<Opened> {
  mustBeToWrite(options, '; --read-only only reads');
  const { disk, stack, close } = await stackToWrite(image, options);
  // The part was cut out when it was opened.
  const { offset: _, size: __, ...parts } = options;
  return { device: disk.device, request: { ...mountRequest(parts), ...stack }, close };
}

/** Answers the shell's exit code. What was written is in the image, which is unmounted, when this settles. */
export async function shell(image: string, options: ShellOptions): Promise<number> {
  const readOnly = options.readOnly === true;
  const own = await ownProgramsOf(options.program);
  const { device, request, close } = await (readOnly ? toRead : toWrite)(image, options);
  try {
    return await inWorkshop({ own, clock: isTerminal() ? 'wall' : 'virtual' }, async (shop) => {
      const end = await shop.withImage(
        device,
        request,
        (cwd) =>
          withStandardStreams(isTerminal(), ({ streams, surroundings: { env = [], ...others } }) =>
            shop.run(['sh'], streams, { ...others, cwd, env: [...env, 'PS1=$PWD # '] }),
          ),
        { readOnly, spill: nodeSpill, derive: nodeDerive },
      );
      return end.exitCode ?? 128 + (end.signal ?? 0);
    });
  } finally {
    close();
  }
}
