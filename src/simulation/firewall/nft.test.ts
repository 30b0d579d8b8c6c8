/** What we make of nft's JSON is what nft(8) sends for it: golden bytes of scripts/record/record-nftables.ts. */

import { describe, expect, test } from 'vitest';
import { frame, type NetlinkRequest } from '../../abi/netlink/message.ts';
import { NFT_MSG } from '../../abi/netlink/nftables/constants.ts';
import { type Findings, Place } from '../plan/issue.ts';
import golden from './nft.golden.json';
import { commands, preamble } from './nft-rules.ts';
import { Firewall } from './ruleset.ts';

const names = { deviceIndex: (name: string) => ({ lo: 1, eth0: 2 })[name] };

function ours(list: readonly unknown[]): NetlinkRequest[] {
  const found: Findings = { issues: [], warnings: [] };
  const read = new Firewall(names).read(new Place(found, 'nftables'), list);
  expect(found.issues).toEqual([]);
  return read.flatMap(({ messages }) => messages);
}

/** nft's comments on sets and rules for itself: the kernel keeps them unread. */
const userdata: ReadonlyMap<number, number> = new Map([
  [NFT_MSG.NEWSET, 13],
  [NFT_MSG.NEWRULE, 7],
]);
/** Numbers of sets within a transaction, and of what nft thinks types are. */
const numbers: ReadonlyMap<number, readonly number[]> = new Map([
  [NFT_MSG.NEWSET, [10, 4, 6]],
  [NFT_MSG.NEWSETELEM, [4]],
]);

/** A message as a tree of attributes: what nested attributes hold, else hex. */
function tree(bytes: Uint8Array): unknown {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const type = view.getUint16(4, true);
  const left = new Set([userdata.get(type), ...(numbers.get(type) ?? [])]);
  const attributes = (from: number, to: number, depth: number): unknown[] => {
    const found: unknown[] = [];
    for (let at = from; at + 4 <= to; ) {
      const length = view.getUint16(at, true);
      const kind = view.getUint16(at + 2, true);
      const payload = bytes.subarray(at + 4, at + length);
      if (depth > 0 || !left.has(kind & 0x3fff))
        found.push([kind & 0x3fff, kind & 0x8000 ? attributes(at + 4, at + length, depth + 1) : hex(payload)]);
      at += (length + 3) & ~3;
    }
    return withoutSetIds(found);
  };
  return { type: `${type >> 8}:${type & 0xff}`, family: bytes[16], attributes: attributes(20, bytes.length, 0) };
}

const hex = (bytes: Uint8Array): string => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');

/** Expressions that name a set by its number in the transaction: lookup's fourth attribute. */
function withoutSetIds(attributes: unknown[]): unknown[] {
  const [name, body] = attributes as [[number, string]?, [number, [number, string][]]?];
  const of = { '6c6f6f6b757000': 4, '64796e73657400': 2 }[name?.[1] ?? ''];
  if (of === undefined || !Array.isArray(body?.[1])) return attributes;
  return [name, [body[0], body[1].filter(([kind]) => kind !== of)]];
}

const treesOf = (messages: readonly NetlinkRequest[]) => messages.map((message) => tree(frame(message, 0)));
const recorded = (messages: readonly string[]) =>
  messages.map((text) => tree(Uint8Array.from(Buffer.from(text, 'hex'))));

test('tables, chains, sets, maps, elements and named objects are those that nft sends', () => {
  expect(treesOf(ours(preamble))).toEqual(recorded(golden.preamble));
});

describe('rules are those that nft sends', () => {
  const front = ours(preamble).length;
  test.each(commands.map((command) => [JSON.stringify(command.add.rule.expr), command] as const))(
    '%s',
    (_, command) => {
      const key = JSON.stringify(command);
      const sent = Object.entries(golden).find(([name]) => name === key)?.[1] ?? expect.fail('record it');
      expect(treesOf(ours([...preamble, command]).slice(front))).toEqual(recorded(sent));
    },
  );
});
