/** What a session keeps in its Durable Object's SQLite: named parts, replaced all at once. */

import { concat } from '../../bytes/concat.ts';

/** A row holds up to 2 MB. */
const ROW_BYTES = 2 ** 20;

export type Parts = ReadonlyMap<string, Uint8Array>;

export class SessionStore {
  readonly #storage: DurableObjectStorage;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    storage.sql.exec(
      'CREATE TABLE IF NOT EXISTS parts (name TEXT, row INTEGER, bytes BLOB, PRIMARY KEY (name, row)) WITHOUT ROWID',
    );
  }

  /** All parts, by name; a crash leaves those of before or these, never some of each. */
  replace(parts: Parts): void {
    this.#storage.transactionSync(() => {
      this.#storage.sql.exec('DELETE FROM parts');
      for (const [name, bytes] of parts) this.#insert(name, bytes);
    });
  }

  /** One part alone. */
  put(name: string, bytes: Uint8Array): void {
    this.#storage.transactionSync(() => {
      this.#storage.sql.exec('DELETE FROM parts WHERE name = ?', name);
      this.#insert(name, bytes);
    });
  }

  #insert(name: string, bytes: Uint8Array): void {
    for (let at = 0; at === 0 || at < bytes.length; at += ROW_BYTES) {
      const row = bytes.slice(at, at + ROW_BYTES).buffer;
      this.#storage.sql.exec('INSERT INTO parts VALUES (?, ?, ?)', name, at / ROW_BYTES, row);
    }
  }

  get(name: string): Uint8Array | undefined {
    return this.all(name).get(name);
  }

  /** Of one name, or all. */
  all(name?: string): Parts {
    const rows = new Map<string, Uint8Array[]>();
    const query = 'SELECT name, bytes FROM parts WHERE ?1 IS NULL OR name = ?1 ORDER BY name, row';
    for (const { name: found, bytes } of this.#storage.sql.exec<{ name: string; bytes: ArrayBuffer }>(
      query,
      name ?? null,
    )) {
      rows.set(found, [...(rows.get(found) ?? []), new Uint8Array(bytes)]);
    }
    return new Map([...rows].map(([name, pieces]) => [name, concat(pieces)]));
  }
}

export const toJson = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
export const fromJson = <T>(bytes: Uint8Array): T => JSON.parse(new TextDecoder().decode(bytes)) as T;
