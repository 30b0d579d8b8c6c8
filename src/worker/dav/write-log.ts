/** What was written to an image since its last version, in the SQLite of its object: what was flushed outlives the object. */

import { type BlockDevice, SECTOR, sizeOf } from '../../storage/block-device.ts';
import type { Notes } from './notes.ts';

/** So much is a row: small changes touch some ten blocks all over a file system. */
const BLOCK_BYTES = 16 * 1024;
const BLOCK_SECTORS = BLOCK_BYTES / SECTOR;

/** More is better off in a version than in rows: 32 MiB. */
const MAX_BLOCKS = 2048;

/** Blocks in memory at a time: 4 MiB. */
const BATCH = 256;

/** What it lies over. */
export interface LogBase {
  readonly image: string;
  readonly partition: number | undefined;
  /** What was uploaded, and the version of it. */
  readonly baseId: string;
  readonly version: string;
  /** What ids of versions begin with that this log went into. */
  readonly writer: string;
}

export class WriteLog {
  readonly #storage: DurableObjectStorage;
  readonly #notes: Notes;

  constructor(storage: DurableObjectStorage, notes: Notes) {
    this.#storage = storage;
    this.#notes = notes;
    for (const table of ['blocks', 'incoming']) {
      storage.sql.exec(`CREATE TABLE IF NOT EXISTS ${table} (block INTEGER PRIMARY KEY, bytes BLOB)`);
    }
  }

  get blocks(): number {
    return this.#storage.sql.exec<{ all: number }>('SELECT count(*) AS "all" FROM blocks').one().all;
  }

  /** Undefined: nothing is in it. */
  get base(): LogBase | undefined {
    return this.blocks === 0 ? undefined : this.#notes.get<LogBase>('base');
  }

  /** Empty from now on, over this version. */
  begin(base: LogBase): void {
    this.#storage.transactionSync(() => {
      this.clear();
      this.#notes.put('base', base);
    });
  }

  /** What is in it has another writer. */
  goOn(base: LogBase): void {
    this.#notes.put('base', base);
  }

  clear(): void {
    this.#storage.sql.exec('DELETE FROM blocks');
  }

  /** All of them, or none, as `read` gives them. */
  async put(blocks: readonly number[], read: (block: number) => Promise<Uint8Array>): Promise<void> {
    const { sql } = this.#storage;
    sql.exec('DELETE FROM incoming');
    for (let at = 0; at < blocks.length; at += BATCH) {
      const batch = blocks.slice(at, at + BATCH);
      const bytes = await Promise.all(batch.map(read));
      this.#storage.transactionSync(() => {
        for (const [index, block] of batch.entries()) {
          sql.exec('INSERT OR REPLACE INTO incoming VALUES (?, ?)', block, bytes[index] ?? null);
        }
        if (at + BATCH < blocks.length) return;
        sql.exec('INSERT OR REPLACE INTO blocks SELECT block, bytes FROM incoming');
        sql.exec('DELETE FROM incoming');
      });
    }
  }

  /** Writes what is in it to `device`. */
  async replay(device: BlockDevice): Promise<void> {
    let after = -1;
    for (;;) {
      const query = 'SELECT block, bytes FROM blocks WHERE block > ? ORDER BY block LIMIT 64';
      const rows = this.#storage.sql.exec<{ block: number; bytes: ArrayBuffer }>(query, after).toArray();
      for (const { block, bytes } of rows) {
        await device.write?.(block * BLOCK_SECTORS, new Uint8Array(bytes));
        after = block;
      }
      if (rows.length === 0) return;
    }
  }
}

export interface LoggedOptions {
  readonly log: WriteLog;
  /** Makes a version of all that was written, for more than the log takes. It empties the log. */
  readonly save: () => Promise<void>;
  /** Settles when no version is being made. */
  readonly calm: () => Promise<void>;
}

/** `device`, whose flushes last: a flush settles once all that was written before it is in the log, or in a version. */
export function logged(device: BlockDevice, { log, save, calm }: LoggedOptions): BlockDevice {
  const changed = new Set<number>();
  let logging: Promise<void> = Promise.resolve();
  const lengthOf = (block: number) => Math.min(BLOCK_BYTES, device.sectors * SECTOR - block * BLOCK_BYTES);

  async function flush(): Promise<void> {
    await device.flush?.();
    await calm();
    const blocks = [...changed];
    changed.clear();
    try {
      if (log.blocks + blocks.length > MAX_BLOCKS) return await save();
      const read = async (block: number) => {
        const bytes = new Uint8Array(lengthOf(block));
        await device.read(block * BLOCK_SECTORS, bytes);
        return bytes;
      };
      await log.put(blocks, read);
    } catch (cause) {
      for (const block of blocks) changed.add(block);
      throw cause;
    }
  }

  return {
    ...sizeOf(device),
    read: (sector, into) => device.read(sector, into),
    async write(sector, from) {
      try {
        await device.write?.(sector, from);
      } finally {
        const end = sector + from.length / SECTOR;
        for (let block = Math.floor(sector / BLOCK_SECTORS); block * BLOCK_SECTORS < end; block++) changed.add(block);
      }
    },
    flush() {
      logging = logging.catch(() => {}).then(flush);
      return logging;
    },
  };
}
