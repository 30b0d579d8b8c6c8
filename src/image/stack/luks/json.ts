/** Reads members of JSON whose author may mean harm: each is of the type that is asked for, or an error. */

import { MetadataError } from '../bad-stack.ts';

export class Json {
  readonly #value: unknown;
  readonly #path: string;

  constructor(value: unknown, path = '') {
    this.#value = value;
    this.#path = path;
  }

  static parse(text: string): Json {
    try {
      return new Json(JSON.parse(text));
    } catch (cause) {
      throw new MetadataError('its JSON area is damaged', { cause });
    }
  }

  #is(what: string): never {
    throw new MetadataError(`its JSON area is damaged: ${this.#path || 'all of it'} is not ${what}`);
  }

  get isThere(): boolean {
    return this.#value !== undefined;
  }

  get(name: string): Json {
    const value = this.#value;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return this.#is('an object');
    const member = Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
    return new Json(member, this.#path ? `${this.#path}.${name}` : name);
  }

  entries(): readonly (readonly [string, Json])[] {
    const value = this.#value;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return this.#is('an object');
    return Object.keys(value).map((name) => [name, this.get(name)]);
  }

  strings(): readonly string[] {
    const value = this.#value;
    if (!Array.isArray(value) || value.some((one) => typeof one !== 'string')) return this.#is('a list of strings');
    return value as string[];
  }

  string(): string {
    return typeof this.#value === 'string' ? this.#value : this.#is('a string');
  }

  /** A whole number from 0 up to `max`. */
  number(max: number): number {
    const value = this.#value;
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > max)
      return this.#is(`a number up to ${max}`);
    return value;
  }

  /** 64 bits as text. */
  u64(): number {
    const value = this.#value;
    if (typeof value !== 'string' || !/^\d{1,16}$/.test(value) || !Number.isSafeInteger(Number(value)))
      return this.#is('a number of bytes as text');
    return Number(value);
  }

  base64(maxBytes: number): Uint8Array {
    const text = this.string();
    if (text.length > maxBytes * 2 || !/^[\w+/]*=*$/.test(text)) return this.#is('base64');
    try {
      return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
    } catch {
      return this.#is('base64');
    }
  }
}
