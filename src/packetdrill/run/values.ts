/** What a script writes as numbers, addresses and constants, as numbers and bytes. */

import { parseWords } from '../../abi/constants.ts';
import { type ErrnoName, errnos } from '../../abi/errno.ts';
import { AF } from '../../abi/netlink/constants.ts';
import { parseIp } from '../../abi/netlink/inet.ts';
import type { Expression, StructField } from '../language/script.ts';
import { ScriptError } from '../language/script-error.ts';
import type { Settings } from './settings.ts';

/** linux/errqueue.h, and words that are a libc's. */
const more: Readonly<Record<string, number>> = {
  NULL: 0,
  INFINITE_TIMEOUT: -1,
  SO_EE_ORIGIN_NONE: 0,
  SO_EE_ORIGIN_LOCAL: 1,
  SO_EE_ORIGIN_ICMP: 2,
  SO_EE_ORIGIN_ICMP6: 3,
  SO_EE_ORIGIN_TXSTATUS: 4,
  SO_EE_ORIGIN_TIMESTAMPING: 4,
  SO_EE_ORIGIN_ZEROCOPY: 5,
  SO_EE_ORIGIN_TXTIME: 6,
  SO_EE_CODE_ZEROCOPY_COPIED: 1,
  SCM_TSTAMP_SND: 0,
  SCM_TSTAMP_SCHED: 1,
  SCM_TSTAMP_ACK: 2,
  TCP_FASTOPEN_CONNECT: 30,
};

export class Values {
  readonly #settings: Settings;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  number(expression: Expression | undefined): number {
    switch (expression?.kind) {
      case 'number':
        return expression.value;
      case 'words':
        return this.words(expression.text);
      case 'call':
        return this.#called(expression.name, expression.args);
      case 'list':
        if (expression.items.length === 1) return this.number(expression.items[0]);
    }
    throw new ScriptError(`a number was expected, not ${expression?.kind ?? 'nothing'}`);
  }

  /** `fallback` for "...". */
  numberOr(expression: Expression | undefined, fallback: number): number {
    return expression === undefined || expression.kind === 'ellipsis' ? fallback : this.number(expression);
  }

  words(text: string): number {
    let value = 0;
    for (const part of text.split('|')) value |= this.#word(part.trim());
    return text.includes('|') ? value >>> 0 : this.#word(text.trim());
  }

  #word(word: string): number {
    if (word.startsWith('~')) return ~this.#word(word.slice(1));
    const defined = this.#settings.defines.get(word);
    if (defined !== undefined && defined !== word) return this.words(defined);
    const known = more[word] ?? (Object.hasOwn(errnos, word) ? errnos[word as ErrnoName].number : undefined);
    if (known !== undefined) return known;
    const found = parseWords(word);
    if ('unknown' in found) throw new ScriptError(`there is no constant ${word}`);
    return Number(found.value);
  }

  #called(name: string, args: readonly Expression[]): number {
    if (name === 'htons' || name === 'htonl' || name === 'ntohs' || name === 'ntohl') return this.number(args[0]);
    throw new ScriptError(`${name}() is not known here`);
  }

  /** The domain of sockets that "..." stands for. */
  get family(): number {
    return this.#settings.ipVersion === 'ipv4' ? AF.INET : AF.INET6;
  }

  /** Text of a script as bytes: what it writes as \\xf7 is one. */
  bytesOf(text: string): Uint8Array {
    const codes = Array.from(text, (letter) => letter.codePointAt(0) ?? 0);
    return codes.every((code) => code <= 0xff) ? Uint8Array.from(codes) : new TextEncoder().encode(text);
  }

  /** struct sockaddr_in or sockaddr_in6 of an address of ours or of the remote side. */
  sockaddr(address: Uint8Array, port: number): Uint8Array {
    if (this.family === AF.INET6 && address.length === 4) {
      return this.sockaddr(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...address), port);
    }
    const bytes = new Uint8Array(address.length === 4 ? 16 : 28);
    const at = new DataView(bytes.buffer);
    at.setUint16(0, address.length === 4 ? AF.INET : AF.INET6, true);
    at.setUint16(2, port);
    bytes.set(address, address.length === 4 ? 4 : 8);
    return bytes;
  }

  /** "{sa_family = AF_INET, sin_port = htons(8080), sin_addr = inet_addr("192.0.2.1")}" */
  sockaddrOf(fields: readonly StructField[]): Uint8Array {
    const find = (...names: readonly string[]) => fields.find(({ name }) => names.includes(name))?.value;
    const family = this.numberOr(find('sa_family', 'sin_family', 'sin6_family'), this.family);
    const port = this.numberOr(find('sin_port', 'sin6_port'), 0);
    if (family === AF.UNSPEC) return new Uint8Array(16);
    const address = find('sin_addr', 'sin6_addr');
    const bytes = this.#address(address) ?? new Uint8Array(family === AF.INET ? 4 : 16);
    const whole = new Uint8Array(bytes.length === 4 ? 16 : 28);
    const at = new DataView(whole.buffer);
    at.setUint16(0, family, true);
    at.setUint16(2, port);
    whole.set(bytes, bytes.length === 4 ? 4 : 8);
    return whole;
  }

  #address(expression: Expression | undefined): Uint8Array | undefined {
    if (expression?.kind !== 'call') return undefined;
    const text = expression.args.findLast((one) => one.kind === 'string');
    if (text?.kind !== 'string') return undefined;
    const found = parseIp(text.text);
    if (!found) throw new ScriptError(`"${text.text}" is no address`);
    return found;
  }
}
