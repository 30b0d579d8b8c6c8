/** Makes an empty file system on a disk by its own program. */

import { HostError } from '../../errors/host-error.ts';
import type { Streams, Workshop } from '../workshop.ts';
import { type FileSystemTools, type MakeRequest, madeTypes, toolsOf, typesThere } from './file-systems.ts';

/** Rejects with `invalid-request` for what the type cannot have, and `tool-failed` with what the program said. */
export async function makeFileSystem(
  workshop: Workshop,
  disk: string,
  type: string,
  request: MakeRequest,
  streams: Streams = {},
): Promise<void> {
  const { label } = request;
  const tools = toolsOf(workshop, type);
  if (!tools)
    throw new HostError('unknown-file-system', `nothing here makes ${type}: ${typesThere(workshop, madeTypes)} can be`);
  checkLabel(type, label, tools);
  if (!tools.make) throw new HostError('invalid-request', `${type} is made of a tree: it cannot be empty first`);
  await workshop.must(tools.make(disk, request), streams);
}

/** Throws for one that the type cannot have. */
export function checkLabel(type: string, label: string | undefined, { labelBytes }: FileSystemTools): void {
  if (label === undefined || new TextEncoder().encode(label).length <= labelBytes) return;
  const most = labelBytes === 0 ? 'no label' : `a label of ${labelBytes} bytes at most`;
  throw new HostError('invalid-request', `${type} has ${most}`);
}
