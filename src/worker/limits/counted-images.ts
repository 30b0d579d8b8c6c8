/** Images whose bytes are counted: as his who makes them, before they are stored. */

import { valueIn } from '../session/rpc.ts';
import type { StoredImage } from '../storage/image-entry.ts';
import type { ImageStore, ImageUpload } from '../storage/image-store.ts';
import { countedObjects } from './counted-objects.ts';
import type { LedgerRpc } from './ledger-rpc.ts';
import type { Quotas } from './quotas.ts';

export interface CountedNeeds {
  readonly store: ImageStore;
  readonly principal: string;
  readonly quotas: Quotas;
  /** Of others, whose images may be written to. */
  readonly quotasOf: (principal: string) => Quotas;
  readonly ledgerOf: (principal: string) => LedgerRpc;
  readonly uniqueName: () => string;
}

/** Each write rejects with `over-quota` where it would be more than the principal may store. */
export function countedImages({ store, principal, quotas, quotasOf, ledgerOf, uniqueName }: CountedNeeds): ImageStore {
  const own = ledgerOf(principal);
  const reserve = async (key: string, bytes: number) => valueIn(await own.reserve(key, bytes, quotas));
  const free = async (key: string) => valueIn(await own.free(key));

  /** What was reserved as `key` is an image now, or nothing. Images are counted as their owner's. */
  async function settle<Image extends StoredImage | undefined>(key: string, making: Promise<Image>): Promise<Image> {
    try {
      const image = await making;
      if (image?.owner !== undefined) valueIn(await ledgerOf(image.owner).hold(image.name, image.sizeBytes));
      return image;
    } finally {
      await free(key);
    }
  }

  const counted = (name: string, upload: ImageUpload): ImageUpload => {
    const prefix = `upload ${name} ${upload.id} `;
    return {
      id: upload.id,
      async put(part, body) {
        await reserve(`${prefix}${part}`, body.length);
        return upload.put(part, body);
      },
      async putStream(part, bytes, lengthBytes) {
        await reserve(`${prefix}${part}`, lengthBytes);
        return upload.putStream(part, bytes, lengthBytes);
      },
      complete: async (parts, condition) => {
        const image = await upload.complete(parts, condition);
        return image === undefined ? undefined : settle(prefix, Promise.resolve(image));
      },
      async abort() {
        await upload.abort();
        await free(prefix);
      },
    };
  };

  return {
    ...store,
    async put(name, body, lengthBytes, condition) {
      const key = `put ${uniqueName()}`;
      await reserve(key, lengthBytes);
      return settle(key, store.put(name, body, lengthBytes, condition));
    },
    async delete(name, condition) {
      const before = await store.head(name);
      const deleted = await store.delete(name, condition);
      if (deleted && before?.owner !== undefined) valueIn(await ledgerOf(before.owner).hold(name, 0));
      return deleted;
    },
    async volume(name) {
      const volume = await store.volume(name);
      const { owner } = volume.image;
      if (owner === undefined) return volume;
      const ledger = ledgerOf(owner);
      const most = owner === principal ? quotas : quotasOf(owner);
      const key = `write ${uniqueName()}`;
      const grow = async (bytes: number) => void valueIn(await ledger.grow(name, bytes));
      const objects = countedObjects(volume.objects, {
        reserve: async (bytes) => void valueIn(await ledger.reserve(key, bytes, most)),
        async committed(bytes) {
          await grow(bytes);
          valueIn(await ledger.free(key));
        },
        freed: (bytes) => grow(-bytes),
      });
      return { ...volume, objects };
    },
    /** What was written to it counts, not how large it looks. */
    async create(name, sizeBytes) {
      const made = await store.create(name, sizeBytes);
      const key = `make ${uniqueName()}`;
      let bytes = 0;
      const objects = countedObjects(made.objects, {
        reserve: async (all) => void (await reserve(key, bytes + all)),
        async committed(more) {
          bytes += more;
        },
        async freed(fewer) {
          bytes -= fewer;
        },
      });
      return {
        ...made,
        objects,
        async keep(condition) {
          try {
            const image = await made.keep(condition);
            if (image?.owner !== undefined) valueIn(await ledgerOf(image.owner).hold(image.name, bytes));
            return image;
          } finally {
            await free(key);
          }
        },
        async discard() {
          await made.discard();
          await free(key);
        },
      };
    },
    createUpload: async (name) => counted(name, await store.createUpload(name)),
    resumeUpload: (name, id) => counted(name, store.resumeUpload(name, id)),
  };
}
