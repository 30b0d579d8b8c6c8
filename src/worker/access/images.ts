/** Images as one principal may see them. */

import type { ImageStore } from '../storage/image-store.ts';
import { hasImage, mustHaveImage, mustHaveScope, type Principal } from './principal.ts';

/** Each operation throws `forbidden` for an image that is not the principal's to read or write. */
export function imagesFor(store: ImageStore, principal: Principal): ImageStore {
  const read = (name: string) => mustHaveImage(principal, 'images:read', name);
  const write = (name: string) => mustHaveImage(principal, 'images:write', name);
  return {
    async head(name) {
      // Whoever writes looks first what is there.
      if (!principal.scopes.includes('images:write')) read(name);
      else write(name);
      return store.head(name);
    },
    async list(page) {
      mustHaveScope(principal, 'images:read');
      if (principal.imagePrefixes === undefined) return store.list(page);
      const images: Awaited<ReturnType<ImageStore['list']>>['images'][number][] = [];
      let after = page.after;
      for (;;) {
        const found = await store.list({ ...page, after });
        images.push(...found.images.filter(({ name }) => hasImage(principal, name)));
        if (images.length > page.limit) return { images: images.slice(0, page.limit), more: true };
        if (!found.more) return { images, more: false };
        after = found.images.at(-1)?.name;
      }
    },
    async put(name, ...rest) {
      write(name);
      return store.put(name, ...rest);
    },
    async delete(name, condition) {
      write(name);
      return store.delete(name, condition);
    },
    async createUpload(name) {
      write(name);
      return store.createUpload(name);
    },
    resumeUpload(name, id) {
      write(name);
      return store.resumeUpload(name, id);
    },
    async source(name, version) {
      read(name);
      return store.source(name, version);
    },
    async volume(name) {
      write(name);
      return store.volume(name);
    },
  };
}
