/** SECURITY.md: each promise names tests that are there, and attacks that can be run. */

import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');

const [, promises = ''] = /## What is promised.*?\n([\s\S]*?)\n## /.exec(read('SECURITY.md')) ?? [];
const rows = promises
  .split('\n')
  .map((line) => /^\| (.+) \| (.+) \|$/.exec(line))
  .flatMap((found) => (found && found[1] !== 'promise' && !/^-+$/.test(found[1] ?? '') ? [found] : []))
  .map(([, promise = '', proof = '']) => ({
    promise,
    proofs: [...proof.matchAll(/`([^`]+)`/g)].map(([, one = '']) => one),
  }));

/** What `node scripts/attack.ts` knows by name. */
const attacks = [...read('scripts/attack.ts').matchAll(/^ {2}(?:async )?(\w+)(?:: \(|\()/gm)].map(([, name]) => name);

describe('the promise that', () => {
  it.each(rows)('$promise', ({ proofs }) => {
    expect(proofs.length).toBeGreaterThan(0);
    for (const proof of proofs) {
      const [, names] = /^node scripts\/attack\.ts ([\w ]+)$/.exec(proof) ?? [];
      if (names !== undefined) expect(attacks).toEqual(expect.arrayContaining(names.split(' ')));
      else {
        expect(proof).toMatch(/^(src|cli|test)\/[\w/.-]+\.test\.ts$/);
        expect(existsSync(new URL(`../${proof}`, import.meta.url)), proof).toBe(true);
      }
    }
  });
});

it('is made more than twenty times', () => expect(rows.length).toBeGreaterThan(20));
