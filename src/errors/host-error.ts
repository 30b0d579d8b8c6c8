/** What can go wrong on the host's side, by name: for each a sentence and the HTTP status of a request that met it. */

export interface HostErrorKind {
  readonly message: string;
  readonly status: number;
}

export const hostErrors = {
  // what the request carries
  'invalid-request': { message: 'the request is not valid', status: 400 },
  'empty-body': { message: 'the body is empty', status: 400 },
  'body-interrupted': { message: 'the body broke off', status: 400 },
  'length-required': { message: 'this body needs a Content-Length', status: 411 },
  'precondition-failed': { message: 'the image is not in the state the request asks for', status: 412 },
  'too-large': { message: 'the image is larger than it may be', status: 413 },
  'unsupported-media-type': { message: 'the body has a media type that is not accepted here', status: 415 },
  'unsupported-encoding': { message: 'the body has a content coding that is not accepted here', status: 415 },
  'range-not-satisfiable': { message: 'the range lies outside the file', status: 416 },
  'bad-compression': { message: 'the compressed body cannot be decompressed', status: 422 },
  // images and their uploads
  'image-not-found': { message: 'there is no image of this name', status: 404 },
  'upload-not-found': { message: 'there is no such upload: it was completed, aborted or never begun', status: 404 },
  'bad-parts': { message: 'the parts do not make an image', status: 422 },
  'too-many-writes': { message: 'this image is being written too often', status: 429 },
  // what is inside an image
  'no-file-system': { message: 'no file system was found', status: 422 },
  'several-file-systems': { message: 'several partitions have a file system: name one', status: 422 },
  'no-such-partition': { message: 'there is no such partition', status: 422 },
  'unknown-file-system': { message: 'the kernel has no file system of this type', status: 422 },
  'journal-too-large': { message: 'the journal holds more than can be replayed', status: 422 },
  'mount-failed': { message: 'the kernel refuses to mount the file system', status: 422 },
  'not-a-file': { message: 'neither a regular file nor a directory', status: 422 },
  // system calls
  'bad-call': { message: 'a call says something it cannot mean', status: 422 },
  'bad-option': { message: 'the kernel cannot be set up as asked', status: 422 },
  'bad-simulation': { message: 'the network cannot be as asked', status: 422 },
  'body-too-large': { message: 'the body is larger than it may be', status: 413 },
  // sessions
  'session-not-found': { message: 'there is no such session: it was deleted, has expired or never was', status: 404 },
  'session-ended': { message: 'the kernel of the session is no more', status: 410 },
  'not-suspendable': { message: 'the kernel does something that cannot be stored', status: 409 },
  'session-image-changed': { message: 'an image of the session is no longer the one it began with', status: 409 },
  'too-many-sessions': { message: 'there are as many sessions as one may have', status: 429 },
  'no-room': { message: "the kernel's memory is too small for it", status: 413 },
  // how a kernel can end
  'kernel-panic': { message: 'the kernel panicked', status: 500 },
  'kernel-bug': { message: 'the kernel met a bug of its own', status: 500 },
  'kernel-oom': { message: 'the kernel ran out of memory', status: 503 },
  'kernel-trap': { message: 'the kernel trapped', status: 500 },
  'kernel-deadlock': { message: 'every task of the kernel waits for another', status: 500 },
  'kernel-busy': { message: 'all memory for kernels is in use: try again shortly', status: 503 },
  'kernel-deadline': { message: 'the kernel did not finish in time', status: 504 },
  'kernel-halt': { message: 'the kernel halted', status: 500 },
  'task-exited': { message: 'the task ended before its work was done', status: 500 },
} as const satisfies Record<string, HostErrorKind>;

export type HostErrorName = keyof typeof hostErrors;

/** One of the above. `members` are facts for programs: they become members of the problem document. */
export class HostError extends Error {
  override readonly name = 'HostError';
  readonly kind: HostErrorName;
  readonly members: Readonly<Record<string, unknown>>;

  constructor(
    kind: HostErrorName,
    detail: string = hostErrors[kind].message,
    { members = {}, ...options }: ErrorOptions & { readonly members?: Readonly<Record<string, unknown>> } = {},
  ) {
    super(detail, options);
    this.kind = kind;
    this.members = members;
  }
}
