/** Extended header records of POSIX.1-2001 pax: "length keyword=value\n", where length counts itself. */

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export const isAscii = (bytes: Uint8Array): boolean => bytes.every((byte) => byte < 0x80);

export function isUtf8(bytes: Uint8Array): boolean {
  if (isAscii(bytes)) return true;
  try {
    decoder.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** The records of one extended header, in the order they were added. */
export class PaxRecords {
  readonly #records: Uint8Array[] = [];

  add(keyword: string | Uint8Array, value: string | Uint8Array | number): void {
    const key = typeof keyword === 'string' ? encoder.encode(keyword) : keyword;
    const data = value instanceof Uint8Array ? value : encoder.encode(String(value));
    const rest = key.length + data.length + 3; // the space, the equals sign, the newline
    let length = rest + String(rest).length;
    length = rest + String(length).length; // one more digit may have carried into another
    const record = new Uint8Array(length);
    const digits = encoder.encode(`${length} `);
    record.set(digits);
    record.set(key, digits.length);
    record[digits.length + key.length] = 0x3d;
    record.set(data, digits.length + key.length + 1);
    record[length - 1] = 0x0a;
    this.#records.push(record);
  }

  get size(): number {
    return this.#records.reduce((sum, record) => sum + record.length, 0);
  }

  /** Write all records at `at`. */
  copyTo(into: Uint8Array, at: number): void {
    let end = at;
    for (const record of this.#records) {
      into.set(record, end);
      end += record.length;
    }
  }
}
