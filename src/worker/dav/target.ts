/** What a URL of WebDAV names: an image, one of its partitions, and what all URLs of its tree begin with. */

/** All that clients of WebDAV speak of. */
export const DAV_PATH = /^\/dav(\/|$)/;
/** The collection of all images. */
export const DAV_ROOT = '/dav/';

/** Names of images, as the other routes have them; a partition goes behind a colon, which no name has. */
const PATH = /^(\/dav\/([A-Za-z0-9][A-Za-z0-9._~-]{0,511})(?::([1-9]\d{0,2}))?)(?:\/.*)?$/;

/** A header that says who asks, to the object. Nobody else can: only the Worker reaches it. */
export const PRINCIPAL = 'lkl-principal';

export interface DavTarget {
  readonly image: string;
  readonly partition: number | undefined;
  /** Ends in a slash. */
  readonly prefix: string;
}

/** Undefined: it names none. */
export function davTarget(pathname: string): DavTarget | undefined {
  const [, root, image, partition] = PATH.exec(pathname) ?? [];
  if (root === undefined || image === undefined) return undefined;
  return { image, partition: partition === undefined ? undefined : Number(partition), prefix: `${root}/` };
}
