/** Images that arrive in several requests: begin, put parts, complete or abort. */

import { HostError } from '../../errors/host-error.ts';
import { checked, type ExpectedDigest } from '../bodies/digest.ts';
import { received } from '../bodies/received.ts';
import type { Condition, StoredImage } from '../storage/image-entry.ts';
import type { ImageStore } from '../storage/image-store.ts';
import { MAX_PARTS, MAX_PUT_BYTES, MIN_PART_BYTES, type StoredPart } from '../storage/r2-objects.ts';
import type { MarkedUpload, UploadMarks } from '../storage/upload-marks.ts';
import { mustMeet } from './images.ts';

/** A part with its length, as its upload answered it. */
export interface UploadedPart extends StoredPart {
  readonly sizeBytes: number;
}

export interface ImageUploadJobs {
  begin(name: string, condition: Condition): Promise<{ readonly id: string }>;
  putPart(name: string, id: string, part: number, body: PartBody): Promise<UploadedPart>;
  complete(name: string, id: string, parts: readonly UploadedPart[], condition: Condition): Promise<StoredImage>;
  abort(name: string, id: string): Promise<void>;
  /** Those that are neither completed nor aborted, oldest first. */
  list(name: string): Promise<readonly MarkedUpload[]>;
}

export interface PartBody {
  readonly stream: ReadableStream<Uint8Array> | null;
  readonly lengthBytes: number | undefined;
  /** What the client says of the bytes it sends. */
  readonly digests?: readonly ExpectedDigest[];
}

export interface UploadNeeds {
  readonly store: ImageStore;
  readonly marks: UploadMarks;
  readonly maxImageBytes: number;
}

export function imageUploadJobs({ store, marks, maxImageBytes }: UploadNeeds): ImageUploadJobs {
  const unknown = () => new HostError('upload-not-found');
  /** What R2 says of an id that it never gave out is anything. */
  const ofKnown = async <T>(name: string, id: string, task: Promise<T>): Promise<T> => {
    try {
      return await task;
    } catch (cause) {
      if (cause instanceof HostError || (await marks.has(name, id))) throw cause;
      throw unknown();
    }
  };
  return {
    async begin(name, condition) {
      await mustMeet(store, name, condition);
      const { id } = await store.createUpload(name);
      await marks.add(name, id);
      return { id };
    },
    async putPart(name, id, part, { stream, lengthBytes, digests = [] }) {
      if (lengthBytes === undefined) throw new HostError('length-required');
      if (stream === null || lengthBytes === 0) throw new HostError('empty-body');
      if (lengthBytes > MAX_PUT_BYTES) {
        throw new HostError('too-large', `a part has at most ${MAX_PUT_BYTES} bytes`, {
          members: { max_bytes: MAX_PUT_BYTES },
        });
      }
      const upload = store.resumeUpload(name, id);
      const bytes = checked(received(stream), digests);
      const stored = await ofKnown(name, id, upload.putStream(part, bytes, lengthBytes));
      return { ...stored, sizeBytes: lengthBytes };
    },
    async complete(name, id, parts, condition) {
      checkParts(parts, maxImageBytes);
      const upload = store.resumeUpload(name, id);
      if (!(await marks.has(name, id))) throw unknown();
      const image = await ofKnown(name, id, upload.complete(parts, condition));
      if (image === undefined) throw new HostError('precondition-failed');
      await marks.remove(name, id);
      return image;
    },
    async abort(name, id) {
      const upload = store.resumeUpload(name, id);
      if (!(await marks.remove(name, id))) throw unknown();
      await upload.abort();
    },
    async list(name) {
      await store.head(name); // whoever may not look at the image may not look at its uploads
      return marks.list(name);
    },
  };
}

/** R2's rules, said before R2 refuses: https://developers.cloudflare.com/r2/objects/multipart-objects/ */
function checkParts(parts: readonly UploadedPart[], maxImageBytes: number): void {
  if (parts.length > MAX_PARTS) throw badParts(`at most ${MAX_PARTS} parts, not ${parts.length}`);
  let totalBytes = 0;
  const firstBytes = parts[0]?.sizeBytes ?? 0;
  for (const [index, { part, sizeBytes }] of parts.entries()) {
    const last = index === parts.length - 1;
    const previous = parts[index - 1]?.part ?? 0;
    if (part <= previous) throw badParts(`part ${part} comes after part ${previous}: list them in ascending order`);
    if (!last && sizeBytes < MIN_PART_BYTES) {
      throw badParts(`part ${part} has ${sizeBytes} bytes: all but the last need at least ${MIN_PART_BYTES}`);
    }
    if (last ? sizeBytes > firstBytes : sizeBytes !== firstBytes) {
      throw badParts(`part ${part} has ${sizeBytes} bytes, not ${firstBytes}: all but a shorter last one are equal`);
    }
    totalBytes += sizeBytes;
  }
  if (totalBytes > maxImageBytes) {
    throw new HostError('too-large', undefined, { members: { max_bytes: maxImageBytes } });
  }
}

const badParts = (detail: string): HostError => new HostError('bad-parts', detail);
