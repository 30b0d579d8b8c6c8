/** Secrets of one tenant, planted all over his kernels: no other tenant's kernel has one in its memory. */

import { type Ask, as, call, Findings, json } from './client.ts';

export interface SecretsReport {
  readonly rounds: number;
  /** Of the other's linear memory, read through. */
  readonly readMiB: number;
  /** In the owner's own, to show that they can be found. */
  readonly foundOfOwn: number;
  readonly findings: readonly string[];
}

const PIECE = 65_536;
const secretOf = (round: number): string => `planted-secret-${round}-0123456789abcdef`;

/** A batch that writes a secret to many places of its kernel's memory. */
function planting(secret: string): readonly object[] {
  const page = Buffer.from(secret.repeat(Math.ceil(PIECE / secret.length)).slice(0, PIECE));
  const into = { base64: page.toString('base64') };
  return [
    { ...call('memfd_create', secret.slice(0, 40), 0), as: 'memory' },
    ...Array.from({ length: 40 }, () => call('write', { ref: 'memory' }, into, PIECE)),
    { ...call('open', '/secret', 'O_RDWR|O_CREAT', 0o600), as: 'file' },
    ...Array.from({ length: 20 }, () => call('write', { ref: 'file' }, into, PIECE)),
  ];
}

/** MAP_PRIVATE, MAP_ANONYMOUS, and MAP_UNINITIALIZED: pages as they are, where a kernel without an MMU gives them out so. */
const FLAGS = [0x22, 0x22 | 0x4000000];
const AREA = 4 * PIECE;

/**
 * What is in memory that was not written: the kernel refuses addresses that are not the program's own, so that is all it
 * can read. `fill` is written into the areas first.
 */
const reading = (areas: number, fill: readonly object[] = []): readonly object[] => [
  { ...call('memfd_create', 'window', 0), as: 'window' },
  ...Array.from({ length: areas }, (_, at) => [
    { ...call('mmap', 0, AREA, 3, FLAGS[at % FLAGS.length], -1, 0), as: 'area' },
    ...fill,
    call('pwrite64', { ref: 'window' }, { ref: 'area' }, AREA, 0),
    ...Array.from({ length: AREA / PIECE }, (_, piece) =>
      call('pread64', { ref: 'window' }, { out: PIECE }, PIECE, piece * PIECE),
    ),
  ]).flat(),
];

interface Answer {
  readonly results: readonly { readonly ret: number; readonly out?: unknown }[];
}

/** Texts of all that a batch read. */
async function readBy(ask: Ask, calls: readonly object[]): Promise<Buffer[]> {
  const answer = await ask('/v1/syscalls', json({ calls, on_error: 'continue' }));
  if (answer.status !== 200) throw new Error(`reading memory: ${answer.status} ${await answer.text()}`);
  const text = await answer.text();
  const { results } = JSON.parse(text) as Answer;
  const texts: Buffer[] = [];
  JSON.stringify(results, (key, value: unknown) => {
    if (key === 'base64' && typeof value === 'string') texts.push(Buffer.from(value, 'base64'));
    if (key === 'utf8' && typeof value === 'string') texts.push(Buffer.from(value));
    if (key === 'hex' && typeof value === 'string') texts.push(Buffer.from(value, 'hex'));
    return value;
  });
  return texts;
}

const has = (texts: readonly Buffer[], secret: string): number => texts.filter((text) => text.includes(secret)).length;

export async function secrets({ url, rounds }: { readonly url: URL; readonly rounds: number }): Promise<SecretsReport> {
  const findings = new Findings();
  const [owner, other] = [as(url, 'owner'), as(url, 'other')];
  let [readBytes, foundOfOwn] = [0, 0];
  for (let round = 0; round < rounds; round++) {
    const secret = secretOf(round);
    // What is read back of an area that it was put into shows that it would be found.
    const fill = [call('pread64', { ref: 'memory' }, { ref: 'area' }, AREA, 0)];
    foundOfOwn += has(await readBy(owner, [...planting(secret), ...reading(1, fill)]), secret);
    const { status } = await owner('/v1/syscalls', json({ calls: planting(secret) }));
    findings.must(status === 200, `planting: ${status}`);
    const texts = await readBy(other, reading(12));
    readBytes += texts.reduce((sum, { length }) => sum + length, 0);
    for (let planted = 0; planted <= round; planted++) {
      findings.must(
        has(texts, secretOf(planted)) === 0,
        `round ${round}: a secret of round ${planted} is in another's memory`,
      );
    }
  }
  findings.must(readBytes > rounds * PIECE, `only ${readBytes} bytes of memory could be read`);
  findings.must(foundOfOwn >= rounds, 'not even its owner finds what he planted: this proves nothing');
  return { rounds, readMiB: Math.round((10 * readBytes) / 2 ** 20) / 10, foundOfOwn, findings: findings.all };
}
