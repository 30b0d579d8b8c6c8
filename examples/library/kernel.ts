/** System calls on a kernel of one's own: `node kernel.ts`. */

import { bootKernel } from 'lkl-linux';

await using kernel = await bootKernel({ clock: 'virtual', seed: 'example' });
console.log((await kernel.call('uname', { out: 'utsname' })).out);

// A pipe between two tasks; an hour of sleep takes no time at all.
const { results, taskResults, clockNs } = await kernel.batch(
  [{ call: 'pipe', args: [{ out: 'int[2]' }], as: 'pipe' }],
  {
    strace: true,
    tasks: {
      writer: {
        calls: [
          { call: 'nanosleep', args: [{ tv_sec: 3600, tv_nsec: 0 }, null] },
          { call: 'write', args: [{ ref: 'pipe.1' }, 'hello', 5] },
        ],
      },
      reader: { calls: [{ call: 'read', args: [{ ref: 'pipe.0' }, { out: 16 }, 16] }] },
    },
  },
);
for (const { strace } of [...results, ...Object.values(taskResults).flat()]) console.log(strace);
console.log(`${Math.round(clockNs / 1e9)} s of virtual time`);
