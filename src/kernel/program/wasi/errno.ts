/** Errors of Linux by WASI's numbers, which are those of an alphabet. */

import { type Errno, errnos } from '../../../abi/errno.ts';

/** In WASI's order, from 1 on. */
const NAMES =
  'E2BIG EACCES EADDRINUSE EADDRNOTAVAIL EAFNOSUPPORT EAGAIN EALREADY EBADF EBADMSG EBUSY ECANCELED ECHILD ECONNABORTED ECONNREFUSED ECONNRESET EDEADLK EDESTADDRREQ EDOM EDQUOT EEXIST EFAULT EFBIG EHOSTUNREACH EIDRM EILSEQ EINPROGRESS EINTR EINVAL EIO EISCONN EISDIR ELOOP EMFILE EMLINK EMSGSIZE EMULTIHOP ENAMETOOLONG ENETDOWN ENETRESET ENETUNREACH ENFILE ENOBUFS ENODEV ENOENT ENOEXEC ENOLCK ENOLINK ENOMEM ENOMSG ENOPROTOOPT ENOSPC ENOSYS ENOTCONN ENOTDIR ENOTEMPTY ENOTRECOVERABLE ENOTSOCK EOPNOTSUPP ENOTTY ENXIO EOVERFLOW EOWNERDEAD EPERM EPIPE EPROTO EPROTONOSUPPORT EPROTOTYPE ERANGE EROFS ESPIPE ESRCH ESTALE ETIMEDOUT ETXTBSY EXDEV'.split(
    ' ',
  );

const table: Readonly<Record<string, Errno>> = errnos;
const byLinux = new Map(NAMES.map((name, i) => [table[name]?.number, i + 1]));

export const SUCCESS = 0;
const number = (name: string): number => NAMES.indexOf(name) + 1;
export const BADF = number('EBADF');
export const FAULT = number('EFAULT');
export const INVAL = number('EINVAL');
export const NAMETOOLONG = number('ENAMETOOLONG');
export const ILSEQ = number('EILSEQ');
export const NOSYS = number('ENOSYS');

/** Of what a system call answered: 0 where that is no error. */
export const wasiErrno = (ret: number): number => (ret >= 0 ? SUCCESS : (byLinux.get(-ret) ?? number('EIO')));
