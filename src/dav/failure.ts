/** Why a request of WebDAV is refused: a status, and where the protocol has one, a condition's name. */

import { KernelError } from '../kernel/kernel-error.ts';

export class DavFailure extends Error {
  override readonly name = 'DavFailure';
  readonly status: number;
  /** RFC 4918, section 16: an element of the namespace DAV:. */
  readonly condition: string | undefined;

  constructor(status: number, message: string, condition?: string) {
    super(message);
    this.status = status;
    this.condition = condition;
  }
}

/** What Linux says, as HTTP says it. */
const statuses: Readonly<Record<string, number>> = {
  ENOENT: 404,
  ENOTDIR: 409,
  EEXIST: 405,
  EISDIR: 405,
  ENAMETOOLONG: 400,
  EINVAL: 400,
  ELOOP: 404,
  ENXIO: 403,
  EACCES: 403,
  EPERM: 403,
  EROFS: 403,
  EXDEV: 502,
  ENOSPC: 507,
  EDQUOT: 507,
  EFBIG: 507,
  E2BIG: 507,
};

export function failureOf(cause: unknown): DavFailure {
  if (cause instanceof DavFailure) return cause;
  if (cause instanceof KernelError) return new DavFailure(statuses[cause.errno ?? ''] ?? 500, cause.message);
  throw cause;
}

/** Its words, for people. */
export const refusal = ({ status, message }: Pick<DavFailure, 'status' | 'message'>): Response =>
  new Response(`${message}\n`, { status, headers: { 'content-type': 'text/plain; charset=utf-8' } });

export const isMissing = (cause: unknown): boolean =>
  cause instanceof KernelError && (cause.errno === 'ENOENT' || cause.errno === 'ENOTDIR');
