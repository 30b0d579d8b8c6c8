/** What can go wrong beside system calls, by name: for each a sentence, the HTTP status of a request that met it, and whose it is. */

/** Who has to do something about it. Exit codes and the word for a status follow from it. */
export type Fault =
  /** Whoever wrote the request or the command line. */
  | 'request'
  /** The image, or the body that should have been one. */
  | 'image'
  /** The program that ran on the kernel: it ended its own kernel, or asked for what cannot be. */
  | 'program'
  /** Something is not as the request expects it now: gone, changed, in use, too many. */
  | 'state'
  /** Whoever asks may not. */
  | 'access'
  /** We, or what we stand on. The only ones with a 5xx. */
  | 'service';

export interface HostErrorKind {
  readonly message: string;
  readonly status: number;
  readonly fault: Fault;
  /** Seconds after which the same request may go well. */
  readonly retryAfterS?: number;
}

export const hostErrors = {
  // what the request carries
  'invalid-request': { message: 'the request is not valid', status: 400, fault: 'request' },
  'empty-body': { message: 'the body is empty', status: 400, fault: 'image' },
  'body-interrupted': { message: 'the body broke off', status: 400, fault: 'state' },
  'digest-mismatch': { message: 'the body is not the one its digest is of', status: 400, fault: 'state' },
  'client-too-slow': { message: 'the client neither sent nor took anything for too long', status: 408, fault: 'state' },
  'length-required': { message: 'this body needs a Content-Length', status: 411, fault: 'state' },
  'precondition-failed': { message: 'the image is not in the state the request asks for', status: 412, fault: 'state' },
  'too-large': { message: 'the image is larger than it may be', status: 413, fault: 'image' },
  'body-too-large': { message: 'the body is larger than it may be', status: 413, fault: 'request' },
  'unsupported-media-type': {
    message: 'the body has a media type that is not accepted here',
    status: 415,
    fault: 'request',
  },
  'unsupported-encoding': {
    message: 'the body has a content coding that is not accepted here',
    status: 415,
    fault: 'request',
  },
  'range-not-satisfiable': { message: 'the range lies outside the file', status: 416, fault: 'request' },
  'bad-compression': { message: 'the compressed body cannot be decompressed', status: 422, fault: 'image' },
  'bad-tar': { message: 'the body is no whole tar', status: 422, fault: 'request' },
  'upgrade-required': { message: 'this address speaks WebSocket', status: 426, fault: 'request' },
  // who asks
  'access-not-configured': {
    message: 'this service lets nobody in until its owner has said whom',
    status: 401,
    fault: 'access',
  },
  unauthorized: { message: 'the request does not say who makes it', status: 401, fault: 'access' },
  'bad-token': { message: 'the token is unknown, revoked or has expired', status: 401, fault: 'access' },
  forbidden: { message: 'whoever makes the request may not do this', status: 403, fault: 'access' },
  'bad-link': { message: 'the link is not for this request, or no longer', status: 403, fault: 'access' },
  'cross-origin': { message: 'pages of other origins may not do this', status: 403, fault: 'access' },
  'misdirected-request': { message: 'this service does not go by that name', status: 421, fault: 'access' },
  'token-not-found': { message: 'there is no such token', status: 404, fault: 'state' },
  // images and their uploads
  'image-not-found': { message: 'there is no image of this name', status: 404, fault: 'state' },
  'version-not-found': { message: 'the image has no such version', status: 404, fault: 'state' },
  'version-in-use': { message: 'the image is this version now, or was uploaded as it', status: 409, fault: 'state' },
  'too-many-versions': {
    message: 'the image has as many versions as there may be: drop some',
    status: 409,
    fault: 'state',
  },
  'upload-not-found': {
    message: 'there is no such upload: it was completed, aborted or never begun',
    status: 404,
    fault: 'state',
  },
  'bad-parts': { message: 'the parts do not make an image', status: 422, fault: 'request' },
  'too-many-writes': { message: 'this image is being written too often', status: 429, fault: 'state', retryAfterS: 1 },
  // what is inside an image
  'no-file-system': { message: 'no file system was found', status: 422, fault: 'image' },
  'several-file-systems': {
    message: 'there is more than one file system to choose from',
    status: 422,
    fault: 'image',
  },
  'image-cut': { message: 'the image ends before its file system does', status: 422, fault: 'image' },
  'passphrase-needed': { message: 'the volume is encrypted and wants a passphrase', status: 422, fault: 'image' },
  'wrong-passphrase': { message: 'no passphrase or key that was given opens the volume', status: 422, fault: 'image' },
  'stack-incomplete': { message: 'an array or a volume group lacks disks', status: 422, fault: 'image' },
  'bad-stack': {
    message: 'an array, a volume group or an encrypted volume cannot be opened',
    status: 422,
    fault: 'image',
  },
  'no-such-partition': { message: 'there is no such partition', status: 422, fault: 'image' },
  'unknown-file-system': { message: 'the kernel has no file system of this type', status: 422, fault: 'image' },
  'zip-too-large': {
    message: 'a zip of so many files needs more memory than there is; a tar does not',
    status: 422,
    fault: 'image',
  },
  'journal-too-large': { message: 'the journal holds more than can be replayed', status: 422, fault: 'image' },
  'read-only-device': { message: 'the image cannot be written here', status: 422, fault: 'image' },
  'image-in-use': { message: 'somebody else writes this image', status: 409, fault: 'state' },
  'mount-failed': { message: 'the kernel refuses to mount the file system', status: 422, fault: 'image' },
  'not-a-file': { message: 'neither a regular file nor a directory', status: 422, fault: 'image' },
  'image-needs-memory': { message: 'its driver wants more memory than a kernel may have', status: 422, fault: 'image' },
  // system calls
  'bad-call': { message: 'a call says something it cannot mean', status: 422, fault: 'request' },
  'bad-option': { message: 'the kernel cannot be set up as asked', status: 422, fault: 'request' },
  'bad-simulation': { message: 'the network cannot be as asked', status: 422, fault: 'request' },
  // how a program can end its own kernel
  'program-panic': { message: 'the program made its kernel panic', status: 422, fault: 'program' },
  'program-halt': { message: 'the program halted its kernel', status: 422, fault: 'program' },
  'program-deadlock': { message: 'every task of the program waits for another', status: 422, fault: 'program' },
  'program-oom': { message: 'the program used up the memory of its kernel', status: 422, fault: 'program' },
  'program-killed': {
    message: 'what runs the program was killed: by the program, or since its kernel had no memory left',
    status: 422,
    fault: 'program',
  },
  'program-too-long': { message: 'the program was not done in the time it has', status: 422, fault: 'program' },
  'output-too-large': {
    message: 'the program wrote more than fits one answer',
    status: 422,
    fault: 'program',
  },
  // sessions
  'session-not-found': {
    message: 'there is no such session: it was deleted, has expired or never was',
    status: 404,
    fault: 'state',
  },
  'session-ended': { message: 'the kernel of the session is no more', status: 410, fault: 'state' },
  'not-suspendable': { message: 'the kernel does something that cannot be stored', status: 409, fault: 'state' },
  'program-prevents': {
    message: 'a program in the session, or what one has set there, prevents it',
    status: 409,
    fault: 'program',
  },
  'disk-not-found': { message: 'the session has no such disk', status: 404, fault: 'request' },
  'no-listener': { message: 'nobody listens at this port of the session', status: 409, fault: 'state' },
  'bad-port-answer': {
    message: 'the server in the session did not answer as it should',
    status: 422,
    fault: 'program',
  },
  'interface-not-found': { message: 'the session has no such interface', status: 404, fault: 'request' },
  'interface-busy': {
    message: 'the other session does not get to it: it is in a call, or links to this one',
    status: 409,
    fault: 'state',
  },
  'no-address': { message: 'nobody gave the network card an address', status: 409, fault: 'state' },
  'session-image-changed': {
    message: 'an image of the session is no longer the one it began with',
    status: 409,
    fault: 'state',
  },
  'too-many-sessions': {
    message: 'there are as many sessions as one may have',
    status: 429,
    fault: 'state',
    retryAfterS: 60,
  },
  'too-many-requests': {
    message: 'there are as many requests as one may make',
    status: 429,
    fault: 'state',
    retryAfterS: 1,
  },
  'over-quota': {
    message: 'whoever makes the request has as much as he may have',
    status: 429,
    fault: 'state',
    retryAfterS: 60,
  },
  'no-room': { message: "the kernel's memory is too small for it", status: 413, fault: 'state' },
  // what is ours
  'service-busy': {
    message: 'all memory for bodies is in use: try again shortly',
    status: 503,
    fault: 'service',
    retryAfterS: 1,
  },
  'storage-failed': { message: 'the storage did not deliver', status: 503, fault: 'service', retryAfterS: 2 },
  'access-unreachable': {
    message: 'Cloudflare Access does not tell its keys now, by which it is known whom it let in',
    status: 503,
    fault: 'service',
    retryAfterS: 5,
  },
  'kernel-panic': { message: 'the kernel panicked', status: 500, fault: 'service' },
  'kernel-bug': { message: 'the kernel met a bug of its own', status: 500, fault: 'service' },
  'kernel-oom': { message: 'the kernel ran out of memory', status: 503, fault: 'service', retryAfterS: 1 },
  'kernel-trap': { message: 'the kernel trapped', status: 500, fault: 'service' },
  'kernel-deadlock': { message: 'every task of the kernel waits for another', status: 500, fault: 'service' },
  'kernel-busy': {
    message: 'all memory for kernels is in use: try again shortly',
    status: 503,
    fault: 'service',
    retryAfterS: 1,
  },
  'kernel-lost': {
    message: 'the service was too busy to go on with this kernel: try again shortly',
    status: 503,
    fault: 'service',
    retryAfterS: 2,
  },
  'kernel-deadline': { message: 'the kernel did not finish in time', status: 504, fault: 'service' },
  'kernel-halt': { message: 'the kernel halted', status: 500, fault: 'service' },
  'task-exited': { message: 'the task ended before its work was done', status: 500, fault: 'service' },
  'bad-program': { message: 'the module cannot run as a program', status: 400, fault: 'request' },
  'no-such-tool': { message: 'there is no program of this name among the tools', status: 400, fault: 'request' },
  'no-tools': { message: 'the tools are not installed', status: 409, fault: 'state' },
  'tool-failed': { message: 'a program that had to succeed did not', status: 422, fault: 'image' },
  'no-room-in-image': { message: 'what is to be in the image does not fit', status: 422, fault: 'image' },
  'cannot-resize': { message: 'this file system cannot be given that size', status: 422, fault: 'image' },
  internal: { message: 'something went wrong that nobody foresaw', status: 500, fault: 'service' },
} as const satisfies Record<string, HostErrorKind>;

export type HostErrorName = keyof typeof hostErrors;
