/** Record what nft(8) sends to the kernel for rules in its JSON, as golden bytes for src/simulation/firewall; needs root, nftables and strace. */

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commands, preamble } from '../../src/simulation/firewall/nft-rules.ts';

const out = new URL('../../src/simulation/firewall/nft.golden.json', import.meta.url);
const netns = 'record-nftables';
const input = join(mkdtempSync(join(tmpdir(), 'nft-')), 'rules.json');
const NFNL_SUBSYS_NFTABLES = 10;

/** What nft sends for a list of commands: every message of nf_tables that changes something, in hex, its sequence number zeroed. */
function sentFor(list: readonly unknown[]): string[] {
  writeFileSync(input, JSON.stringify({ nftables: list }));
  const run = spawnSync(
    'ip',
    ['netns', 'exec', netns, 'strace', '-s', '1', '-e', 'trace=sendmsg', '-e', 'write=all', 'nft', '-j', '-f', input],
    { encoding: 'utf8', maxBuffer: 1 << 28 },
  );
  const datagrams: string[] = [];
  for (const line of run.stderr.split('\n')) {
    if (line.startsWith('sendmsg(')) datagrams.push('');
    const dump = /^ \| [0-9a-f]{5} {2}(.{49})/.exec(line);
    if (dump && datagrams.length) datagrams[datagrams.length - 1] += dump[1]?.replaceAll(' ', '') ?? '';
  }
  const messages = datagrams.flatMap((hex) => split(Buffer.from(hex, 'hex')));
  if (messages.length === 0)
    throw new Error(`${JSON.stringify(list.at(-1))}: nothing was sent\n${run.stderr}\n${run.stdout}`);
  return messages;
}

function split(bytes: Buffer): string[] {
  const messages: string[] = [];
  for (let at = 0; at + 16 <= bytes.length; ) {
    const length = bytes.readUInt32LE(at);
    const type = bytes.readUInt16LE(at + 4);
    // Those that ask have types of their own, and NLM_F_DUMP or no ACK.
    const asks = [1, 4, 7, 10, 13, 16, 19, 23].includes(type & 0xff);
    if (type >> 8 === NFNL_SUBSYS_NFTABLES && !asks) {
      const message = Buffer.from(bytes.subarray(at, at + length));
      message.writeUInt32LE(0, 8);
      messages.push(message.toString('hex'));
    }
    at += (length + 3) & ~3;
  }
  return messages;
}

execFileSync('ip', ['netns', 'add', netns]);
try {
  const base = sentFor(preamble);
  const golden: Record<string, string[]> = { preamble: base };
  for (const command of commands) {
    // The kernel of this machine may lack what a rule needs: what nft sent is recorded all the same.
    golden[JSON.stringify(command)] = sentFor([...preamble, command]).slice(base.length);
  }
  writeFileSync(out, `${JSON.stringify(golden, null, 2)}\n`);
} finally {
  execFileSync('ip', ['netns', 'delete', netns]);
}
