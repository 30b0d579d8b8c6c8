/** The error of a batch that says something it cannot mean, with where it says so. */

import { HostError } from '../errors/host-error.ts';

/** Where the calls of a task stand in the request; without a name: those of `calls`. */
export const prefixOf = (name = ''): string => (name === '' ? '' : `/tasks/${name}`);

/** `path` is a JSON pointer into the request. */
export const badCall = (code: string, path: string, message: string): HostError =>
  new HostError('bad-call', `${path}: ${message}`, { members: { code, path } });
