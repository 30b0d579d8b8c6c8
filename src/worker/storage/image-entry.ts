/** What stands under an image's name: a note of where it is, or that it was deleted; or the image itself, put there by hand. */

/**
 * R2 completes an upload in parts without a condition, and deletes without one. So what has to be conditional is the
 * writing of one small object: what was uploaded has a key of its own, and the note that names it is put on condition;
 * a deletion on condition is a note that there is nothing, put on condition too; and the note of an image that was written
 * has the head of its volume. The state of an image is what stands under its name, so each change of it is one conditional write.
 */
export interface StoredImage {
  readonly name: string;
  readonly sizeBytes: number;
  /** Names this version; without quotes. */
  readonly etag: string;
  /** Of what was uploaded, in hex; R2 has none of what came in parts. Undefined once something was written to it. */
  readonly md5: string | undefined;
  readonly uploaded: Date;
  /** The principal who made it; undefined for one that came into the bucket another way. */
  readonly owner: string | undefined;
  /** Something was written to it since it was uploaded: it has versions. */
  readonly isWritten: boolean;
}

/** The state an image must be in to be changed. Absent: any. */
export interface Condition {
  /** This version, or `*`: any version, but there must be one. */
  readonly ifMatch?: string | undefined;
  /** There must be none. */
  readonly ifNoneMatch?: '*' | undefined;
}

/** Whether `image`, which is there or not, is in the state `condition` asks for. */
export function isMet(image: Pick<StoredImage, 'etag'> | undefined, { ifMatch, ifNoneMatch }: Condition): boolean {
  if (ifNoneMatch !== undefined && image !== undefined) return false;
  return ifMatch === undefined || (image !== undefined && (ifMatch === '*' || ifMatch === image.etag));
}

type Metadata = Readonly<Record<string, string>>;
export type FoundObject = Pick<R2Object, 'etag' | 'size' | 'uploaded' | 'checksums'> & {
  readonly customMetadata?: Metadata;
};

const OWNER = 'owner';
const CONTENT = 'content';
const SIZE = 'size';
const MD5 = 'md5';
const VOLUME = 'volume';
/** What was uploaded has this size, and the image another by now. */
const BASE_SIZE = 'base-size';
/** Nothing was uploaded: the image was made here, of zeros. */
const BLANK = 'blank';
const DELETED = 'deleted';

const ownerMetadata = (owner: string | undefined): Metadata => (owner === undefined ? {} : { [OWNER]: owner });

export interface Content {
  readonly key: string;
  readonly sizeBytes: number;
  readonly md5?: string | undefined;
  /** There is no object of this key: it stands for zeros. */
  readonly isBlank?: boolean;
}

/** Of the note that the content is under the key `content`. */
export const noteMetadata = (content: Content, owner: string | undefined): Metadata => ({
  ...ownerMetadata(owner),
  [CONTENT]: content.key,
  [SIZE]: String(content.sizeBytes),
  ...(content.md5 !== undefined && { [MD5]: content.md5 }),
  ...(content.isBlank && { [BLANK]: 'yes' }),
});

/** The same of an image that was written: its body is the head of a volume. `sizeBytes`: default is that of what was uploaded. */
export const volumeMetadata = (
  { customMetadata = {} }: Pick<FoundObject, 'customMetadata'>,
  sizeBytes: number | undefined,
): Metadata => {
  const { [MD5]: _, [BASE_SIZE]: base, ...rest } = customMetadata;
  const before = base ?? rest[SIZE] ?? '';
  const now = sizeBytes === undefined ? before : String(sizeBytes);
  return { ...rest, [VOLUME]: 'yes', [SIZE]: now, ...(now !== before && { [BASE_SIZE]: before }) };
};

/** A volume's note, as whose it is. */
export const ownedBy = ({ customMetadata = {} }: Pick<FoundObject, 'customMetadata'>, owner: string | undefined) => {
  const { [OWNER]: _, ...rest } = customMetadata;
  return { ...rest, ...ownerMetadata(owner) };
};

export const deletedMetadata: Metadata = { [DELETED]: 'yes' };

/** The key of the content, where it is not the object itself. */
export const contentOf = ({ customMetadata }: Pick<FoundObject, 'customMetadata'>): string | undefined =>
  customMetadata?.[CONTENT];

/** Bytes of what was uploaded. */
export const baseBytesOf = ({ customMetadata = {} }: Pick<FoundObject, 'customMetadata'>): number =>
  Number(customMetadata[BASE_SIZE] ?? customMetadata[SIZE]);

/** Whether that is nothing but zeros, and no object. */
export const isBlank = ({ customMetadata }: Pick<FoundObject, 'customMetadata'>): boolean =>
  customMetadata?.[BLANK] !== undefined;

/** Whether something was written since the image was uploaded. */
export const isVolume = ({ customMetadata }: Pick<FoundObject, 'customMetadata'>): boolean =>
  customMetadata?.[VOLUME] !== undefined;

export const ownerOf = ({ customMetadata }: Pick<FoundObject, 'customMetadata'>): string | undefined =>
  customMetadata?.[OWNER];

export const isDeleted = ({ customMetadata }: Pick<FoundObject, 'customMetadata'>): boolean =>
  customMetadata?.[DELETED] !== undefined;

/** Undefined: there is no image. */
export function imageIn(name: string, object: FoundObject | null): StoredImage | undefined {
  if (object === null || isDeleted(object)) return undefined;
  const isNote = contentOf(object) !== undefined;
  return {
    name,
    sizeBytes: isNote ? Number(object.customMetadata?.[SIZE]) : object.size,
    etag: object.etag,
    md5: isNote ? object.customMetadata?.[MD5] : object.checksums.toJSON().md5,
    uploaded: object.uploaded,
    owner: ownerOf(object),
    isWritten: isVolume(object),
  };
}
