/** Trees that new file systems are filled with: of a tar in the body, of stored images. */

import { readTar } from '../../../archive/tar/tar-reader.ts';
import { HostError } from '../../../errors/host-error.ts';
import type { MountRequest } from '../../../image/mounted-image.ts';
import type { Kernel } from '../../../kernel/kernel.ts';
import { KernelError } from '../../../kernel/kernel-error.ts';
import type { Linux } from '../../../linux.ts';
import type { BlockDevice } from '../../../storage/block-device.ts';
import type { ByteSource } from '../../../storage/byte-source.ts';
import type { Room } from '../../../storage/room.ts';
import type { Tree } from '../../../tree/tree.ts';
import type { Entry } from '../../../tree/write/entry.ts';
import { tarEntries } from '../../../tree/write/tar-entries.ts';
import { type Start, treeEntries } from '../../../tree/write/tree-entries.ts';
import { named } from '../../images/images.ts';
import { type Body, openBody } from '../../images/incoming.ts';
import { type SpoolNeeds, spoolBody } from '../../images/spool.ts';
import { openStored } from '../../images/stored-images.ts';
import type { Unpack } from '../../images/undone.ts';
import type { ImageStore } from '../../storage/image-store.ts';

/** A stored image, a tar, a cpio or a container's image with a tree in it. */
export interface StoredTree {
  readonly image: string;
  readonly version?: string | undefined;
  readonly mount: MountRequest;
}

export type Contents = { readonly tar: Body } | StoredTree;

/** Where a tree is, before a kernel is asked for: what is not there was said already. */
export interface Source {
  /** Of the kernel that reads it, beside the one that it goes into. */
  readonly besideMib: number;
  /** `beside`: the kernel that it goes into, if one is there already. Asked for once at a time. */
  entries(beside: Kernel | undefined, start?: Start): AsyncIterable<Entry>;
  close(): Promise<void>;
}

export interface TreeNeeds {
  readonly images: ImageStore;
  readonly engine: Pick<Linux, 'readingMib' | 'openTree'>;
  readonly room: Room;
  /** What is compressed inside of images, undone as long as the request lasts. */
  readonly unpack: Unpack;
  readonly spool: SpoolNeeds;
}

/** As it is now, whatever wraps it; `raw`: byte for byte. */
export async function openedImage(
  { images, room, unpack }: Pick<TreeNeeds, 'images' | 'room' | 'unpack'>,
  name: string,
  { version, format }: { readonly version?: string | undefined; readonly format?: 'raw' } = {},
): Promise<{ readonly device: BlockDevice; readonly etag: string }> {
  const stored = await named(name, images.source(name, version));
  const { device } = await openStored(stored, room, { format }, unpack);
  return { device, etag: stored.etag };
}

/** `several`: whether its entries are asked for more than once. A body that is read once is stored nowhere. */
export async function openSource(contents: Contents, needs: TreeNeeds, several: boolean): Promise<Source> {
  if (!('tar' in contents)) return treeSource(contents, needs);
  if (!several) {
    const { bytes } = await openBody(contents.tar, needs.spool.limits);
    return tarSource(
      () => bytes,
      async () => {},
    );
  }
  const { source, discard } = await spoolBody(contents.tar, needs.spool);
  return tarSource(() => piecesOf(source), discard);
}

async function treeSource({ image, version, mount }: StoredTree, needs: TreeNeeds): Promise<Source> {
  const { device } = await openedImage(needs, image, { version });
  const { engine } = needs;
  return {
    besideMib: engine.readingMib,
    async *entries(beside, start) {
      const mounted = await engine.openTree(device, { ...mount, beside });
      try {
        if (start && !(await isThere(mounted.tree, start.from)))
          throw new HostError('invalid-request', `${start.from}: there is no such file or folder in ${image}`);
        yield* treeEntries(mounted.tree, start);
      } finally {
        await mounted.close();
      }
    },
    close: async () => {},
  };
}

async function isThere(tree: Tree, path: string): Promise<boolean> {
  try {
    await tree.stat(path, { follow: false });
    return true;
  } catch (cause) {
    if (cause instanceof KernelError && (cause.errno === 'ENOENT' || cause.errno === 'ENOTDIR')) return false;
    throw cause;
  }
}

const tarSource = (bytes: () => AsyncIterable<Uint8Array>, close: Source['close']): Source => ({
  besideMib: 0,
  entries: () => tarEntries(readTar(bytes())),
  close,
});

const PIECE_BYTES = 256 * 1024;

async function* piecesOf(source: ByteSource): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < source.sizeBytes; at += PIECE_BYTES) {
    const piece = new Uint8Array(Math.min(PIECE_BYTES, source.sizeBytes - at));
    await source.read(at, piece);
    yield piece;
  }
}
