import { describe, expect, it } from 'vitest';
import { MetadataError } from '../bad-stack.ts';
import { Derivation } from '../derive.ts';
import { Json } from './json.ts';
import { merged } from './split.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const hex = (value: Uint8Array) => Buffer.from(value).toString('hex');
const salt = new Uint8Array(16).fill(2);

describe('deriving keys', () => {
  it('PBKDF2 of RFC 6070 and by a hash that WebCrypto does not have', async () => {
    const derivation = new Derivation({});
    const rfc = { type: 'pbkdf2', hash: 'sha1', iterations: 4096, salt: bytes('salt') } as const;
    expect(hex(await derivation.key(bytes('password'), rfc, 20))).toBe('4b007901b765489abead49d926f721d065a429c1');
    const other = { ...rfc, hash: 'ripemd160', iterations: 1 };
    expect(await derivation.key(bytes('password'), other, 33)).toHaveLength(33);
  });

  it('Argon2id of RFC 9106 has the memory that the host says, and no more', async () => {
    const kdf = { type: 'argon2id', passes: 3, memoryKib: 2048, lanes: 4, salt } as const;
    const small = new Derivation({ argon2Mib: 2 });
    const native = new Derivation({ argon2: async () => bytes('by the host') });
    expect(await small.key(bytes('x'), kdf, 32)).toHaveLength(32);
    expect(await native.key(bytes('x'), kdf, 32)).toEqual(bytes('by the host'));
    await expect(small.key(bytes('x'), { ...kdf, memoryKib: 2049 }, 32)).rejects.toThrow(
      'Argon2 wants 3 MiB of memory, more than the 2 MiB',
    );
  });

  it.each([
    [{ type: 'pbkdf2', hash: 'sha256', iterations: 4_294_967_295, salt }, '4,294,967,295 iterations of PBKDF2'],
    [{ type: 'pbkdf2', hash: 'sha256', iterations: 0, salt }, 'no iterations'],
    [{ type: 'pbkdf2', hash: 'constructor', iterations: 1, salt }, 'not known here: constructor'],
    [{ type: 'argon2id', passes: 2 ** 32, memoryKib: 8192, lanes: 1, salt }, '4,294,967,296 times'],
    [{ type: 'argon2i', passes: 1, memoryKib: 8, lanes: 4, salt }, 'cannot be'],
    [{ type: 'argon2i', passes: 1, memoryKib: 65_536, lanes: 4096, salt }, 'cannot be'],
  ] as const)('%j is refused at once', async (kdf, message) => {
    const error: unknown = await new Derivation({}).key(bytes('x'), kdf, 32).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(MetadataError);
    expect(`${error}`).toContain(message);
  });

  it('many keyslots share one budget', async () => {
    const derivation = new Derivation({ argon2: async () => salt });
    const kdf = { type: 'argon2id', passes: 4, memoryKib: 65_536, lanes: 1, salt } as const;
    let derived = 0;
    await expect(
      (async () => {
        for (; ; derived += 1) await derivation.key(bytes('x'), kdf, 32);
      })(),
    ).rejects.toThrow('64 GiB for all keyslots together');
    expect(derived).toBe(256);
  });
});

describe('a split key', () => {
  it('of one stripe is itself; of more each stripe counts', () => {
    const key = Uint8Array.from({ length: 40 }, (_, i) => i);
    expect(merged(key, 40, 1, 'sha256')).toEqual(key);
    const three = new Uint8Array(120).map((_, i) => i);
    const whole = hex(merged(three, 40, 3, 'sha256'));
    for (const at of [0, 50, 100]) {
      const changed = three.slice();
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(hex(merged(changed, 40, 3, 'sha256'))).not.toBe(whole);
    }
    expect(() => merged(three, 40, 3, 'toString')).toThrow(MetadataError);
  });
});

describe('JSON whose author may mean harm', () => {
  it('is of the type that is asked for, or an error', () => {
    const json = Json.parse('{"a": {"n": 5, "s": "12", "big": "99999999999999999999", "l": ["x", 1]}}').get('a');
    expect([json.get('n').number(5), json.get('s').u64(), json.get('none').isThere]).toEqual([5, 12, false]);
    for (const read of [
      () => json.get('n').number(4),
      () => json.get('n').string(),
      () => json.get('big').u64(),
      () => json.get('l').strings(),
      () => json.get('s').get('x'),
      () => json.get('l').entries(),
      () => json.get('s').base64(0),
      () => json.get('toString').string(),
      () => Json.parse('{'),
      () => Json.parse('['.repeat(1_000_000)),
    ])
      expect(read).toThrow(MetadataError);
  });
});
