import { z } from '@hono/zod-openapi';
import { describe, expect, test } from 'vitest';
import { simulation } from '../simulations/schema.ts';
import { call } from '../syscalls/schema.ts';
import { inWords, readAs } from './invalid.ts';

/** What is said of a value that the schema does not take. */
function said(schema: z.ZodType, value: unknown): string[] {
  const read = readAs(schema, value);
  return 'invalid' in read ? inWords(read.invalid, 'it') : expect.fail('it was taken');
}

const network = { hosts: { a: {}, b: {} }, links: [{ endpoints: ['a', 'b'] }] };
const link = (member: object) => ({ ...network, links: [{ endpoints: ['a', 'b'], ...member }] });
const workload = (spec: unknown) => ({ ...network, workloads: [spec] });
const ends = { from: 'a', to: 'b' };

const cases: readonly (readonly [unknown, string])[] = [
  [{ hosts: {} }, 'links: must be given: a list'],
  [{ ...network, hosts: ['a'] }, 'hosts: must be an object, not a list'],
  [{ ...network, seed: '1' }, 'seed: must be a whole number, not "1"'],
  [{ ...network, seed: -1 }, 'seed: must be 0 at least, not -1'],
  [{ ...network, duration: 10 }, 'duration: must be a string, such as "10s", not 10'],
  [{ ...network, host: {} }, 'host: there is no such member; "hosts" is one'],
  [{ ...network, families: ['ipv5'] }, 'families[0]: must be "ipv4" or "ipv6", not "ipv5"'],
  [link({ dely: '1ms' }), 'links[0].dely: there is no such member; "delay" is one'],
  [link({ rate: 10 }), 'links[0].rate: must be a string, such as "10mbit", not 10'],
  [link({ endpoints: ['a'] }), 'links[0].endpoints: must have 2 elements at least, not 1'],
  [link({ queue: 100 }), 'links[0].queue: must be a string or an object, not 100'],
  [link({ queue: { limit: 4 } }), 'links[0].queue.kind: must be given: a string'],
  [link({ name: '' }), 'links[0].name: must have 1 character at least'],
  [
    { ...network, hosts: { a: { setup: [{ cmd: 'x', command: 'true' }] }, b: {} } },
    'hosts.a.setup[0].cmd: there is no such member; there are command, exit',
  ],
  [
    { ...network, hosts: { a: { setup: [{ exit: 1 }] }, b: {} } },
    'hosts.a.setup[0].command: must be given: a string or a list',
  ],
  [
    { ...network, hosts: { a: { setup: [5] }, b: {} } },
    'hosts.a.setup[0]: must be a string, a list or an object, not 5',
  ],
  [workload('tcp'), 'workloads[0]: must be an object, not "tcp"'],
  [workload({ type: 'udp', ...ends }), 'workloads[0].rate: must be given: a string, such as "1mbit"'],
  [
    workload({ type: 'tcp', ...ends, ecn: 'yes' }),
    'workloads[0].ecn: must be true or false, "ect0" or "ect1", not "yes"',
  ],
  [
    workload({ type: 'tcp', ...ends, parallel: '4' }),
    'workloads[0].parallel: must be a whole number, such as 4, not "4"',
  ],
  [
    workload({ type: 'flows', ...ends, sizes: ['1kb', 2] }),
    'workloads[0].sizes[1]: must be a string, such as "10kb", not 2',
  ],
  [workload({ type: 'syscalls', on: 'a', batch: [{ repeat: 2 }] }), 'workloads[0].batch[0].do: must be given: a list'],
  [
    workload({ type: 'syscalls', on: 'a', batch: [{ repeat: 2, do: [{ call: 5 }] }] }),
    'workloads[0].batch[0].do[0].call: must be a string, not 5',
  ],
];

describe('what is not valid in a document is told', () => {
  test.each(cases)('%j: %s', (value, words) => {
    expect(said(simulation, value)).toEqual([words]);
  });

  test('of a type that there is not, with those that there are', () => {
    const [words] = said(simulation, workload({ type: 'http', ...ends }));
    expect(words).toMatch(/^workloads\[0\]\.type: must be "tcp", "udp", .* or "exec", not "http"$/);
    expect(said(simulation, workload(ends))[0]).toMatch(/^workloads\[0\]\.type: must be given: "tcp", "udp", /);
  });

  test('of an unknown member that is like no other, with all that there are', () => {
    expect(said(simulation, { ...network, hosts: { a: { ip: '10.0.0.1' }, b: {} } })).toEqual([
      'hosts.a.ip: there is no such member; there are hijack, sysctls, interfaces, multicast, devices, routes, neighbours, setup, nftables',
    ]);
  });

  test('each thing by its own place', () => {
    expect(said(simulation, { ...link({ x: 1, y: 2 }), seed: 0.5 }).map((words) => words.split(':')[0])).toEqual([
      'seed',
      'links[0].x',
      'links[0].y',
    ]);
  });

  test('of forms and lengths', () => {
    expect(said(call, { call: 'getpid', as: 'a b' })).toEqual(['as: must be of the form /^[\\w-]{1,64}$/, not "a b"']);
    expect(said(call, { call: 'x'.repeat(65) })).toEqual(['call: must have 64 characters at most']);
    expect(said(z.base64(), '*'.repeat(100))).toEqual([`it: must be base64, not "${'*'.repeat(60)}"…`]);
    expect(said(z.number().gt(0), 0)).toEqual(['it: must be more than 0, not 0']);
    expect(said(z.record(z.string().min(1), z.int()), { '': 1 })).toEqual([
      '[""]: must have 1 character at least: as the name of a member',
    ]);
  });

  test('the first fifty of many, and how many more there are', () => {
    const many = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`x${i}`, 1]));
    const words = said(simulation, { ...network, ...many });
    expect(words).toHaveLength(51);
    expect(words.at(-1)).toBe('it: 10 more are not valid');
  });

  test('and what a schema says itself is left as it is', () => {
    expect(said(simulation, link({ loss: 0.01 }))[0]).toContain('a percentage, such as "1%"');
  });
});
