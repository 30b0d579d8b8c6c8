/** Bytes of names and attributes as strings of one character each. */

export type Raw = string;

export { fromLatin1 as bytesOfRaw, latin1 as rawOf } from '../../bytes/latin1.ts';
