/** Serves an image by WebDAV until it is told to end. */

import { randomUUID } from 'node:crypto';
import { davHandler } from '../../src/dav/handler.ts';
import type { MountedTree, MountedWritableTree } from '../../src/linux.ts';
import { httpServer } from '../../src/node/http-server.ts';
import { openEngine } from '../engine.ts';
import { portFailure, printable, reasonOf } from '../failure.ts';
import { mountRequest, openDiskFile, openStackFiles } from '../input/disk.ts';
import type { DiskOptions, MountOptions, StackOptions } from '../options.ts';
import { endings, onSignals } from '../signals.ts';
import { mustBeToWrite, withChanges } from '../write/session.ts';
import { syncSoon } from './sync-soon.ts';

export interface WebdavOptions extends MountOptions, DiskOptions, StackOptions {
  readonly port: number;
  readonly ro?: true;
}

/** What was written is on the disk so long after it, and after a sync that is under way. */
const SYNC_AFTER_MS = 1000;

export async function webdav(image: string, { port, ro, ...options }: WebdavOptions): Promise<void> {
  if (!ro) {
    mustBeToWrite(options, '; --ro only reads');
    return withChanges(image, options, (tree) => serve(image, tree, port));
  }
  const [engine, disk, stack] = await Promise.all([
    openEngine(),
    openDiskFile(image, options),
    openStackFiles(options),
  ]);
  const tree = await engine.openTree(disk.device, { ...mountRequest(options), ...stack });
  try {
    await serve(image, tree, port);
  } finally {
    await tree.close();
  }
}

async function serve(image: string, mounted: MountedTree | MountedWritableTree, port: number): Promise<void> {
  const changes = 'changes' in mounted ? mounted.changes : undefined;
  let failure: unknown;
  let asked = 0;
  const ended = Promise.withResolvers<void>();
  const fail = (cause: unknown) => {
    failure ??= cause;
    ended.resolve();
  };
  const soon = syncSoon(async () => changes?.sync(), fail, SYNC_AFTER_MS);
  const handle = davHandler(
    { tree: mounted.tree, changes: changes ?? nothingChanges },
    {
      readOnly: changes === undefined,
      nowMs: () => Date.now(),
      uniqueName: randomUUID,
      changed: soon.changed,
    },
  );
  const server = await httpServer(handle, {
    port,
    failed: (cause) => console.error(`lkl: ${printable(reasonOf(cause))}`),
  }).catch((cause: unknown) => {
    throw portFailure(port, cause);
  });
  // The command's own handlers would end it with the disk still mounted. A second signal does not wait for clients.
  onSignals(endings, () => (asked++ === 0 ? ended.resolve() : server.drop()));
  console.error(`${image} (${mounted.type}) is served at ${server.url}${changes ? '' : ' (only to be read)'}`);
  await ended.promise;
  soon.stop();
  await server.close();
  if (failure !== undefined) throw failure;
}

/** The handler refuses what would change it. */
const nothingChanges = new Proxy({} as MountedWritableTree['changes'], {
  get() {
    throw new Error('the tree is only read');
  },
});
