/** Programs that take all there is, or are none: each ends by its own fault, and the next is run. What computes for ever is not here: nothing interrupts it. */

import { json } from '../client.ts';
import { type Probe, problemOf } from './probe.ts';

const HEAD = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
const section = (id: number, ...bytes: number[]) => [id, bytes.length, ...bytes];
/** One function of no parameter and no result. */
const type = section(1, 1, 0x60, 0, 0);
const start = section(7, 1, 6, ...Buffer.from('_start'), 0, 0);
const code = (...body: number[]) => section(10, 1, body.length + 2, 0, ...body, 0x0b);

/** Files that are executed, by what they are. */
const files: Readonly<Record<string, readonly number[]>> = {
  'nothing at all': [],
  'a module of nothing': HEAD,
  'half a module': [...HEAD, 0x01, 0xff, 0xff, 0x7f],
  'a module of another version': [0x00, 0x61, 0x73, 0x6d, 0x02, 0x00, 0x00, 0x00],
  'a module with 4 GiB of memory': [...HEAD, ...section(5, 1, 0x01, 0x80, 0x80, 0x04, 0x80, 0x80, 0x04)],
  'a module that asks for what is not there': [
    ...HEAD,
    ...type,
    ...section(2, 1, 3, ...Buffer.from('env'), 4, ...Buffer.from('evil'), 0, 0),
  ],
  'a module that traps': [...HEAD, ...type, ...section(3, 1, 0), ...start, ...code(0x00)],
  'a module that calls itself': [...HEAD, ...type, ...section(3, 1, 0), ...start, ...code(0x10, 0)],
  'a module whose beginning traps': [...HEAD, ...type, ...section(3, 1, 0), ...section(8, 0), ...code(0x00)],
  'an ELF': [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0],
  'a script of itself': [...Buffer.from('#!/tmp/evil\n')],
  'a script of nothing': [...Buffer.from('#!\n')],
  'a script with a long line': [...Buffer.from(`#!${'a'.repeat(5000)}\n`)],
};

const shell: Readonly<Record<string, string>> = {
  'a flood of output': 'yes',
  'a string that doubles': 'x=a; while :; do x=$x$x; done',
  'files without end': 'cat /dev/zero > /full',
  'directories without end': 'i=0; while mkdir /d$i; do i=$((i+1)); done; exit 3',
  'processes without end': 'f() { sleep 1000 & f; }; f',
  'a pipe of itself': 'mkfifo /p; cat /p > /p',
  'its own kill': 'kill -9 1; kill -9 $$',
  'a signal of all': 'kill -9 -1',
  'a kernel that crashes': 'mount -t proc p /proc; echo c > /proc/sysrq-trigger',
  'a root that is gone': 'umount -l /; ls /',
  'a shell in a shell': 'exec sh -c "exec sh -c \\"$0\\"" "$0"',
};

export const programs: readonly Probe[] = [
  {
    name: 'programs that take all, or are none',
    async run({ ask }, found) {
      const orders = [
        ...Object.entries(shell).map(([what, line]) => [what, { argv: ['sh', '-c', line] }] as const),
        ...Object.entries(files).map(
          ([what, bytes]) =>
            [
              what,
              {
                argv: ['/tmp/evil'],
                files: [{ path: '/tmp/evil', base64: Buffer.from(bytes).toString('base64'), mode: '755' }],
              },
            ] as const,
        ),
      ];
      for (const [what, order] of orders) {
        const answer = await ask('/v1/run', json({ ...order, deadline_ms: 5000 }));
        const word = await problemOf(answer);
        if (answer.status >= 500 && answer.status !== 503) found(`${what}: ${word}`);
        // A Worker compiles no module that is sent to it, and says so.
        const isRefused = word.includes('/problems/bad-program');
        if (answer.status === 400 && !isRefused) found(`${what} was not run: ${word}`);
        if (process.env.VERBOSE) console.error(what, word);
        const next = await ask('/v1/run', json({ argv: ['echo', 'well'] }));
        const { stdout } = (await next.json()) as { readonly stdout?: string };
        if (stdout !== 'well\n') found(`after ${what} echo says ${JSON.stringify(stdout)} (${next.status})`);
      }
    },
  },
];
