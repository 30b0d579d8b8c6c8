/** A file that cannot be taken for an image, or for what else it was named as, in the words of whoever named it. */

export type ImageFileErrorCode = 'EBUSY' | 'EFBIG' | 'EISDIR' | 'EKIND' | 'ENODATA' | 'ENOTTY' | 'ESPOOL' | 'ESTREAM';

/**
 * `EBUSY`: something else reads it. `EFBIG`: it has more bytes than what is read whole may have. `EISDIR`: it is a directory. `EKIND`: of what it is nothing can be read. `ENODATA`: there is nothing in it. `ENOTTY`: it would be typed. `ESPOOL`: it comes as a stream,
 * and there is nowhere to keep it; `cause` says why. `ESTREAM`: it is to be written, and cannot be, being a pipe or the like.
 */
export class ImageFileError extends Error {
  override readonly name = 'ImageFileError';
  readonly code: ImageFileErrorCode;

  constructor(code: ImageFileErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
