/** Programs of system calls in simulated networks: loops and choices enough for a client and a server. */

import { describe, expect, it } from 'vitest';
import { type SimulationRequest, simulate } from '../../src/library/index.ts';

type Workloads = NonNullable<SimulationRequest['workloads']>;
const network = (workloads: Workloads): SimulationRequest => ({
  seed: 1,
  duration: '5s',
  families: ['ipv4'],
  hosts: {
    a: { interfaces: { eth0: { addresses: ['10.0.0.1/24'] } } },
    b: { interfaces: { eth0: { addresses: ['10.0.0.2/24'] } } },
  },
  links: [{ endpoints: ['a', 'b'], delay: '10ms', rate: '10mbit' }],
  workloads,
});
const at = (address: string, port: number | object) => ({ sa_family: 'AF_INET', sin_port: port, sin_addr: address });
const sizeof = 16;

interface Played {
  readonly completed: boolean;
  readonly error?: string;
  readonly result?: {
    readonly results: readonly { readonly ret: number; readonly out?: unknown }[];
    readonly omitted?: number;
  };
}
async function play(workloads: Workloads): Promise<Played[]> {
  return (await simulate(network(workloads)).result()).flows as unknown as Played[];
}

describe('calls in loops', () => {
  it('a server answers whoever comes, a client asks until it has its answer', async () => {
    const [server, client] = await play([
      {
        type: 'syscalls',
        on: 'b',
        batch: [
          { call: 'socket', args: ['AF_INET', 'SOCK_DGRAM', 0], as: 'fd' },
          { call: 'bind', args: [{ ref: 'fd' }, at('0.0.0.0', 7000), sizeof] },
          // To the end of the simulation.
          {
            until: { ref: 'got', below: 0 },
            do: [
              {
                call: 'recvfrom',
                args: [{ ref: 'fd' }, { out: 64 }, 64, 0, { out: 'sockaddr_in' }, [sizeof]],
                as: 'got',
              },
              {
                if: { ref: 'got', is: 4 },
                do: [{ call: 'sendto', args: [{ ref: 'fd' }, { utf8: 'pong' }, 4, 0, at('10.0.0.1', 7001), sizeof] }],
              },
            ],
          },
        ],
      },
      {
        type: 'syscalls',
        on: 'a',
        start: '1s',
        onError: 'continue',
        batch: [
          { call: 'socket', args: ['AF_INET', 'SOCK_DGRAM|SOCK_NONBLOCK', 0], as: 'fd' },
          { call: 'bind', args: [{ ref: 'fd' }, at('0.0.0.0', 7001), sizeof] },
          {
            repeat: 3,
            as: 'n',
            do: [
              { call: 'sendto', args: [{ ref: 'fd' }, { utf8: 'ping' }, 4, 0, at('10.0.0.2', 7000), sizeof] },
              {
                until: { ref: 'answer', is: 4 },
                repeat: 100,
                do: [
                  { call: 'nanosleep', args: [{ tv_sec: 0, tv_nsec: 5_000_000 }, null] },
                  { call: 'recvfrom', args: [{ ref: 'fd' }, { out: 64 }, 64, 0, null, null], as: 'answer' },
                ],
              },
            ],
          },
        ],
      },
    ]);
    expect(client).toMatchObject({ completed: true });
    const answers = client?.result?.results.filter(({ ret, out }) => ret === 4 && out !== undefined) ?? [];
    expect(answers).toHaveLength(3);
    // It waits for the next one when the simulation ends, and what it has done is told.
    expect(server?.completed).toBe(false);
    expect(server?.result?.results.filter(({ ret }) => ret === 4)).toHaveLength(6);
  });

  it('each value once, by its name', async () => {
    const [done] = await play([
      {
        type: 'syscalls',
        on: 'a',
        batch: [
          {
            each: [7001, 7002, 7003],
            as: 'port',
            do: [
              { call: 'socket', args: ['AF_INET', 'SOCK_DGRAM', 0], as: 'fd' },
              { call: 'bind', args: [{ ref: 'fd' }, at('0.0.0.0', { ref: 'port' }), sizeof] },
            ],
          },
          { call: 'socket', args: ['AF_INET', 'SOCK_DGRAM', 0], as: 'fd' },
          { call: 'bind', args: [{ ref: 'fd' }, at('0.0.0.0', 7002), sizeof], expect: 'EADDRINUSE' },
        ],
      },
    ]);
    expect(done?.error).toBeUndefined();
    expect(done?.result?.results).toHaveLength(8);
    expect(done?.completed).toBe(true);
  });

  it('results of a thousand calls are kept, the others counted', async () => {
    const [done] = await play([{ type: 'syscalls', on: 'a', batch: [{ repeat: 1500, do: [{ call: 'getpid' }] }] }]);
    expect(done?.result?.results).toHaveLength(1000);
    expect(done?.result?.omitted).toBe(500);
  });

  it.each([
    [{ do: [{ call: 'getpid' }] }, 'workloads[0].batch[0]'],
    [{ repeat: 2, do: [] }, 'workloads[0].batch[0].do'],
    [{ repeat: 0, do: [{ call: 'getpid' }] }, 'workloads[0].batch[0].repeat'],
    [{ each: [1], do: [{ call: 'getpid' }] }, 'workloads[0].batch[0].as'],
    [{ until: { ref: 'x' }, do: [{ call: 'getpid' }] }, 'workloads[0].batch[0].until'],
    [{ repeat: 2, if: { ref: 'x', is: 1 }, do: [{ call: 'getpid' }] }, 'workloads[0].batch[0]'],
    [
      { repeat: 2, do: [{ repeat: 2, else: [{ call: 'getpid' }], do: [{ call: 'getpid' }] }] },
      'workloads[0].batch[0].do[0].else',
    ],
  ] as const)('%j is refused at its place', async (step, path) => {
    const refused = play([{ type: 'syscalls', on: 'a', batch: [step] }] as Workloads);
    const refusal = await refused.catch((cause) => cause);
    expect(refusal.problem?.members.errors).toEqual(expect.arrayContaining([expect.objectContaining({ path })]));
  });
});

describe('programs of Linux', () => {
  it('run beside this thread: samples and captures come as ever, and one that computes without end is ended', async () => {
    const spin = { type: 'exec', on: 'a', command: 'ping -c 1 10.0.0.2; while :; do :; done' } as const;
    const request: SimulationRequest = { ...network([spin]), capture: ['b'], samples: { interval: '10ms' } };
    const ended = new AbortController();
    let bytes = 0;
    const simulation = simulate(request, {
      signal: ended.signal,
      capture(_, some) {
        bytes += some.length;
      },
    });
    const seen: number[] = [];
    const watched = (async () => {
      for await (const { time_s } of simulation) {
        seen.push(time_s);
        // The ping has its answer at 20 ms, and from there on time stands.
        if (seen.length === 2) setTimeout(() => ended.abort(new Error('enough')), 300);
      }
    })();
    await expect(watched).rejects.toThrow('enough');
    expect(seen).toEqual([0.01, 0.02]);
    expect(bytes).toBeGreaterThan(0);
  });
});
