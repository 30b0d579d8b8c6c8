/** Images as one principal may see them: his own, those nobody owns, and those whose names he was given. */

import { ImageNotFoundError } from '../../storage/errors.ts';
import { imageNotFound } from '../images/images.ts';
import type { StoredImage } from '../storage/image-entry.ts';
import type { ImageStore } from '../storage/image-store.ts';
import { hasImage, hasName, mustHaveScope, type Principal, refuseImage } from './principal.ts';

export interface OwnImages extends ImageStore {
  /** Rejects with `forbidden` where the principal may not store, replace or delete the image of this name. */
  mayWrite(name: string): Promise<void>;
  /** Rejects with `image-not-found` or `forbidden` where he may not read it. */
  mayRead(name: string): Promise<void>;
}

/** What R2 tells of at once. */
const MOST_LISTED = 1000;

/**
 * Each operation throws `forbidden` for names that are not the principal's to use. An image that belongs to another is not
 * there for whoever reads; whoever writes is told that it belongs to another.
 */
export function imagesFor(store: ImageStore, principal: Principal): OwnImages {
  const isLimited = principal.imagePrefixes !== undefined && !principal.scopes.includes('admin');

  /** The image, where the principal may see it. */
  async function seen(name: string): Promise<StoredImage | undefined> {
    const image = await store.head(name);
    if (image && hasImage(principal, name, image.owner)) return image;
    if (isLimited && !hasName(principal, name)) refuseImage(principal, 'images:read', name);
    return undefined;
  }

  async function mayWrite(name: string): Promise<void> {
    mustHaveScope(principal, 'images:write');
    if (hasName(principal, name)) return;
    const image = await store.head(name);
    if (image ? hasImage(principal, name, image.owner) : !isLimited) return;
    refuseImage(principal, 'images:write', name);
  }

  return {
    mayWrite,
    async mayRead(name) {
      mustHaveScope(principal, 'images:read');
      if ((await seen(name)) === undefined) throw imageNotFound(name);
    },
    async head(name) {
      // Whoever writes looks first what is there.
      mustHaveScope(principal, principal.scopes.includes('images:write') ? 'images:write' : 'images:read');
      return seen(name);
    },
    async list(page) {
      mustHaveScope(principal, 'images:read');
      const images: StoredImage[] = [];
      const isAll = principal.scopes.includes('admin');
      let after = page.after;
      for (;;) {
        // Most names may be others': storage is asked for as many as it tells at once, not for a page's worth at a time.
        const found = await store.list({ ...page, after, limit: isAll ? page.limit : MOST_LISTED });
        images.push(...found.images.filter(({ name, owner }) => hasImage(principal, name, owner)));
        if (images.length > page.limit) return { images: images.slice(0, page.limit), more: true };
        if (!found.more || (isAll && images.length === page.limit)) return { images, more: found.more };
        after = found.images.at(-1)?.name;
      }
    },
    async put(name, ...rest) {
      await mayWrite(name);
      return store.put(name, ...rest);
    },
    async delete(name, condition) {
      await mayWrite(name);
      return store.delete(name, condition);
    },
    async createUpload(name) {
      await mayWrite(name);
      return store.createUpload(name);
    },
    resumeUpload(name, id) {
      mustHaveScope(principal, 'images:write');
      const upload = store.resumeUpload(name, id);
      const allowed = <Args extends unknown[], T>(act: (...args: Args) => Promise<T>) => {
        return async (...args: Args): Promise<T> => {
          await mayWrite(name);
          return act(...args);
        };
      };
      return {
        id,
        put: allowed(upload.put),
        putStream: allowed(upload.putStream),
        complete: allowed(upload.complete),
        abort: allowed(upload.abort),
      };
    },
    async source(name, version) {
      mustHaveScope(principal, 'images:read');
      if (isLimited && !hasName(principal, name)) await seen(name);
      const source = await store.source(name, version);
      if (!hasImage(principal, name, source.owner)) throw new ImageNotFoundError(name);
      return source;
    },
    async volume(name) {
      await mayWrite(name);
      return store.volume(name);
    },
    async create(name, sizeBytes) {
      await mayWrite(name);
      return store.create(name, sizeBytes);
    },
  };
}
