/** Which uploads in parts have begun, for R2's binding does not tell: an empty object for each, as long as it is neither completed nor aborted. */

import { toHex } from '../../bytes/hex.ts';
import { named } from './r2-objects.ts';

export interface MarkedUpload {
  readonly id: string;
  readonly begun: Date;
}

export interface UploadMarks {
  add(name: string, id: string): Promise<void>;
  has(name: string, id: string): Promise<boolean>;
  /** False: there was none, or another request was first. */
  remove(name: string, id: string): Promise<boolean>;
  /** Oldest first. */
  list(name: string): Promise<readonly MarkedUpload[]>;
}

/** R2 drops uploads after seven days: https://developers.cloudflare.com/r2/objects/multipart-objects/ */
const LIFE_MS = 7 * 86_400_000;

/** Under the keys that begin with `prefix`. */
export function uploadMarks(bucket: R2Bucket, prefix: string, nowMs: () => number): UploadMarks {
  const isAlive = ({ uploaded }: Pick<R2Object, 'uploaded'>) => uploaded.getTime() + LIFE_MS > nowMs();
  const has = async (name: string, id: string) => {
    const mark = await named(bucket.head(await keyOf(prefix, name, id)));
    return mark !== null && isAlive(mark);
  };
  return {
    has,
    async add(name, id) {
      await named(bucket.put(await keyOf(prefix, name, id), '', { customMetadata: { id } }));
    },
    async remove(name, id) {
      if (!(await has(name, id))) return false;
      await named(bucket.delete(await keyOf(prefix, name, id)));
      return true;
    },
    async list(name) {
      const found: MarkedUpload[] = [];
      for (let cursor: string | undefined, more = true; more; ) {
        const listing = bucket.list({
          prefix: `${prefix}${name}/`,
          include: ['customMetadata'],
          ...(cursor !== undefined && { cursor }),
        });
        const page = await named(listing);
        for (const mark of page.objects) {
          const id = mark.customMetadata?.id;
          if (id !== undefined && isAlive(mark)) found.push({ id, begun: mark.uploaded });
        }
        more = page.truncated;
        cursor = page.truncated ? page.cursor : undefined;
      }
      return found.sort((a, b) => a.begun.getTime() - b.begun.getTime());
    },
  };
}

/** Of any id: it may be longer than a key. */
async function keyOf(prefix: string, name: string, id: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(id));
  return `${prefix}${name}/${toHex(new Uint8Array(digest))}`;
}
