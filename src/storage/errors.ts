/** What can go wrong below a block device: few named classes, each with the errno Linux would give. */

import { type Problem, ProblemError } from '../errors/problem.ts';

/** Errno names a storage error can carry. */
export type StorageErrno =
  | 'EIO'
  | 'EMEDIUMTYPE'
  | 'ENODATA'
  | 'ENOENT'
  | 'ENOSPC'
  | 'ENXIO'
  | 'EOPNOTSUPP'
  | 'ESTALE'
  | 'EUCLEAN';

/** Any failure of storage. `code` is stable; the message is for people. A range outside the device is a RangeError instead. */
export class StorageError extends ProblemError {
  override readonly name: string = 'StorageError';
  readonly code: StorageErrno;

  constructor(code: StorageErrno, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  override get problem(): Problem {
    return { name: this.code, detail: this.message, members: {} };
  }
}

/** The medium did not deliver: refused, cut short, or still failing after the retries. */
export class ReadFailedError extends StorageError {
  override readonly name = 'ReadFailedError';

  constructor(message: string, options?: ErrorOptions) {
    super('EIO', message, options);
  }

  /** EIO is what Linux makes of it. To whoever asked it is no fault of the image: it may well be read next time. */
  override get problem(): Problem {
    return { name: 'storage-failed', detail: this.message, members: {} };
  }
}

/** Behind the end of what there is of an image that is cut short: the image's fault, not the storage's. */
export class BehindEndError extends StorageError {
  override readonly name = 'BehindEndError';

  constructor(sizeBytes: number) {
    super('EIO', `the image ends at byte ${sizeBytes}`);
  }
}

/** There is no image of that name. */
export class ImageNotFoundError extends StorageError {
  override readonly name = 'ImageNotFoundError';

  constructor(image: string) {
    super('ENOENT', `no image named ${image}`);
  }

  override get problem(): Problem {
    return { name: 'image-not-found', detail: this.message, members: {} };
  }
}

/** The image was replaced or deleted while it was in use, so what was read before no longer fits what would be read now. */
export class ImageChangedError extends StorageError {
  override readonly name = 'ImageChangedError';

  constructor(image: string) {
    super('ESTALE', `image ${image} changed while it was being read`);
  }
}

/** A write would take the device past its limit; nothing of it was written. */
export class DeviceFullError extends StorageError {
  override readonly name = 'DeviceFullError';

  constructor(limitMib: number) {
    super('ENOSPC', `more than ${limitMib} MiB written`);
  }
}

/** There is no memory to keep a write in, which others have: nothing of it was written. To whoever asked it is no fault of the disk. */
export class NoMemoryForWritesError extends StorageError {
  override readonly name = 'NoMemoryForWritesError';

  constructor() {
    super('ENOSPC', 'all memory for what is written is in use: try again shortly');
  }

  override get problem(): Problem {
    return { name: 'service-busy', detail: this.message, members: {} };
  }
}

/**
 * The format that a disk is wrapped in keeps it from being read. `EUCLEAN`: it is damaged or cut short. `EOPNOTSUPP`: it uses
 * what is not read here. `ENODATA`: it needs another file, which was not given. `EMEDIUMTYPE`: it is not of the format asked for.
 */
export class FormatError extends StorageError {
  override readonly name: string = 'FormatError';
  readonly format: string;

  constructor(
    format: string,
    why: string,
    {
      code = 'EUCLEAN',
      ...options
    }: ErrorOptions & { readonly code?: 'EUCLEAN' | 'EOPNOTSUPP' | 'ENODATA' | 'EMEDIUMTYPE' } = {},
  ) {
    super(code, `${format}: ${why}`, options);
    this.format = format;
  }
}

/**
 * A place of a disk that the format around it has lost: a table that leads nowhere, a chunk that cannot be undone. What lies
 * elsewhere may well be read.
 */
export class DamagedInsideError extends FormatError {
  constructor({ format, message }: FormatError) {
    super(format, message.slice(format.length + 2));
  }

  override get problem(): Problem {
    return { ...super.problem, members: { damaged: true, disk_format: this.format } };
  }
}

/** There are several disks in one file, or states of one disk, and what was asked for does not name one of them. */
export class ChoiceError extends StorageError {
  override readonly name = 'ChoiceError';
  /** The option that chooses. */
  readonly by: 'member' | 'snapshot';
  readonly choices: readonly string[];

  constructor(by: 'member' | 'snapshot', message: string, choices: readonly string[]) {
    super('ENXIO', message);
    this.by = by;
    this.choices = choices;
  }

  override get problem(): Problem {
    const { by, choices } = this;
    return { name: this.code, detail: `${this.message} (${by}=…)`, members: { choose_by: by, choices } };
  }
}
