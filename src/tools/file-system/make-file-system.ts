/** Makes an empty file system on a disk by its own program. */

import { HostError } from '../../errors/host-error.ts';
import type { Streams, Workshop } from '../workshop.ts';
import { type MakeRequest, madeTypes, toolsOf, typesThere } from './file-systems.ts';

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
  if (label !== undefined && new TextEncoder().encode(label).length > tools.labelBytes) {
    const most = tools.labelBytes === 0 ? 'no label' : `a label of ${tools.labelBytes} bytes at most`;
    throw new HostError('invalid-request', `${type} has ${most}`);
  }
  if (!tools.make) throw new HostError('invalid-request', `${type} is made of a tree: it cannot be empty first`);
  await workshop.must(tools.make(disk, request), streams);
}
