/** Linux's own programs on hosts of simulations: set-ups and workloads, in virtual time. */

import { describe, expect, it } from 'vitest';
import type { ExecResult, WorkloadResult } from '../../../src/simulation/measure/results.ts';
import type {
  SetupSpec,
  SimulationRequest,
  SimulationStep,
  WorkloadSpec,
} from '../../../src/simulation/plan/request.ts';
import { simulate } from '../simulate.ts';

const LINK = { endpoints: ['a', 'b'], rate: '10mbit', delay: '10ms' } as const;
const on = (host: string, command: string | string[], more: Partial<WorkloadSpec> = {}): WorkloadSpec =>
  ({ type: 'exec', on: host, command, ...more }) as WorkloadSpec;

const execs = (flows: readonly WorkloadResult[]): readonly ExecResult[] => flows.filter((flow) => flow.type === 'exec');

async function run(request: Partial<SimulationRequest>): Promise<readonly ExecResult[]> {
  return execs((await simulate({ links: [LINK], ...request })).flows);
}

describe('a program on a host', () => {
  it('measures the network: iperf through a link of 10 Mbit/s, its server in the background', async () => {
    const request = {
      duration: '60s',
      workloads: [
        on('b', 'iperf -s', { background: true }),
        on('a', ['iperf', '-c', '10.0.0.2', '-t', '5', '-y', 'C'], { start: '1s' }),
      ],
    };
    const answer = await simulate({ links: [LINK], ...request });
    const [server, client] = execs(answer.flows);
    expect(client).toMatchObject({ completed: true, exit_code: 0, stderr: '', start_s: 1 });
    const rate = Number(client?.stdout.trim().split(',').at(-1));
    expect(rate / 1e6).toBeGreaterThan(9);
    expect(rate / 1e6).toBeLessThan(10);
    expect(server).toMatchObject({ completed: false, stdout: expect.stringContaining('Server listening') });
    // It ends with its last program, not with the server.
    expect(answer.virtual_s).toBeLessThan(8);
  });

  it('sees its own interfaces, sockets and time, and the same request gives the same bytes', async () => {
    const words = 'ip -br addr; ss -tan; date +%s.%N; sleep 2; ping -c 2 10.0.0.2; head -c 8 /dev/urandom | hexdump';
    const request = { seed: 3, workloads: [on('a', words)] };
    const [one, other] = [await run(request), await run(request)];
    expect(one).toEqual(other);
    expect(one[0]?.stdout).toContain('10.0.0.1/24');
    expect(one[0]?.stdout).not.toContain('10.0.0.2/24');
    expect(one[0]?.stdout).toContain('2 packets received, 0% packet loss');
    expect(one[0]?.end_s).toBeGreaterThan(3);
    expect((await run({ ...request, seed: 4 }))[0]?.stdout).not.toBe(one[0]?.stdout);
  });

  it('knows the others by their names, and is told of one that is nobody, after the time that asking takes', async () => {
    const workloads = [
      on('a', 'ping -c 1 b; ping -c 1 localhost; mkfifo f; read -t 0.5 x <> f; date +%s.%N; ping -c 1 nobody'),
    ];
    const [said] = await run({ seed: 1, duration: '30s', workloads });
    expect(said?.stdout).toMatch(/PING b \(10\.0\.0\.2\).*1 packets received.*PING localhost.*1 packets received/s);
    expect(said?.stderr).toBe("ping: bad address 'nobody'\n");
    // 2.5 s twice, as resolv.conf(5) has it where there is none.
    expect(said?.end_s).toBeGreaterThan(5.5);
    expect(said?.end_s).toBeLessThan(6);
  });

  it('reads what it is given, and says how it ended', async () => {
    const [cat, exit, killed, none, long] = await run({
      duration: '5s',
      workloads: [
        on('a', ['cat'], { stdin: 'ünd\n' } as Partial<WorkloadSpec>),
        on('a', 'echo no >&2; exit 3'),
        on('a', 'kill -9 $$'),
        on('a', ['no-such']),
        on('a', 'echo begun; sleep 100'),
      ],
    });
    expect(cat).toMatchObject({ exit_code: 0, stdout: 'ünd\n' });
    expect(exit).toMatchObject({ completed: true, exit_code: 3, stderr: 'no\n' });
    expect(killed).toMatchObject({ completed: true, signal: 9 });
    expect(none).toMatchObject({ completed: false, error: expect.stringContaining('no such file') });
    expect(long).toMatchObject({ completed: false, stdout: 'begun\n' });
    expect(long?.exit_code).toBeUndefined();
  });

  it('that ends otherwise than it was to has failed, in words and in its flow', async () => {
    const flows = await run({
      duration: '5s',
      workloads: [
        on('a', 'echo one >&2; echo no such thing >&2; exit 3'),
        on('a', 'kill -9 $$'),
        on('a', 'exit 1', { background: true } as Partial<WorkloadSpec>),
        on('a', 'exit 3', { exit: 3 } as Partial<WorkloadSpec>),
        on('a', 'exit 3', { exit: [0, 1] } as Partial<WorkloadSpec>),
        on('a', 'kill -9 $$', { exit: 137 } as Partial<WorkloadSpec>),
        on('a', 'exit 9', { exit: 'any' } as Partial<WorkloadSpec>),
        on('a', 'sleep 100'),
        on('a', 'sleep 100', { exit: 0 } as Partial<WorkloadSpec>),
        on('a', 'sleep 100', { background: true } as Partial<WorkloadSpec>),
        on('a', 'true', { exit: 1 } as Partial<WorkloadSpec>),
      ],
    });
    expect(flows.map(({ error }) => error)).toEqual([
      'ended with 3: no such thing',
      'was ended by signal 9',
      'ended with 1',
      undefined,
      'ended with 3, not with 0 or 1',
      undefined,
      undefined,
      undefined,
      'was still running at the end, and was to end with 0',
      undefined,
      'ended with 0, not with 1',
    ]);
    expect(flows.map(({ truncated }) => truncated ?? false)).toEqual(flows.map((_, i) => i === 7 || i === 8));
  });

  it('is refused an end that no program has', async () => {
    for (const exit of [256, -1, 1.5, []])
      await expect(run({ workloads: [on('a', 'true', { exit } as Partial<WorkloadSpec>)] })).rejects.toThrow(
        /workloads\[0\]\.exit/,
      );
  });

  it('mounts and unmounts for itself alone; one that kills all others is told so', async () => {
    const [first, other] = await run({
      workloads: [on('a', 'umount /proc; ls /proc | wc -l'), on('b', 'cat /proc/version', { start: '1s' })],
    });
    expect(first?.stdout).toBe('0\n');
    expect(other?.stdout).toContain('Linux version');
    const killed = await simulate({ workloads: [on('a', 'kill -9 -1')] }).catch((cause: unknown) => cause);
    expect(String(killed)).toMatch(/killed|ended with signal 9/);
  });

  it('that says more than is kept is told how much is missing', async () => {
    const [flood] = await run({ workloads: [on('a', 'head -c 3000000 /dev/zero | tr "\\0" x')] });
    expect(flood).toMatchObject({ exit_code: 0, omitted: 3_000_000 - 2 ** 20 });
    expect(flood?.stdout).toHaveLength(2 ** 20);
  });

  it('serves and asks through others: nc over two links and a router', async () => {
    const [server, client] = await run({
      hosts: { a: {}, b: {} },
      routers: { r: {} },
      links: [{ endpoints: ['a', 'r'] }, { endpoints: ['r', 'b'] }],
      workloads: [
        on('b', 'nc -l -p 7000'),
        on('a', 'ip=$(ip route | sed -n "s/^10.0.0.0.*src //p"); echo from $ip | nc -w 1 10.0.1.2 7000', {
          start: '1s',
        }),
      ],
    });
    expect(client?.exit_code).toBe(0);
    expect(server).toMatchObject({ completed: true, stdout: 'from 10.0.0.1\n' });
  });
});

describe('a set-up', () => {
  const tcp: WorkloadSpec = { type: 'tcp', from: 'a', to: 'b', duration: '5s' };
  const goodput = async (setup?: readonly SetupSpec[]) => {
    const { flows } = await simulate({
      hosts: { a: setup ? { setup } : {}, b: {} },
      links: [LINK],
      duration: '8s',
      workloads: [tcp],
    });
    const [flow] = flows;
    return flow?.type === 'tcp' ? (flow.goodput_bps ?? 0) / 1e6 : 0;
  };

  it('in the words of tc, ip and sysctl, binds what flows find', async () => {
    const cake = 'tc qdisc replace dev eth0 root cake bandwidth 2mbit';
    expect(await goodput()).toBeGreaterThan(9);
    const bound = await goodput([cake, ['ip', 'link', 'set', 'lo', 'up']]);
    expect(bound).toBeGreaterThan(1.5);
    expect(bound).toBeLessThan(2);
  });

  it('that fails is told with its words, at its place', async () => {
    const failing = goodput(['true', 'tc qdisc add dev eth9 root cake']);
    await expect(failing).rejects.toThrow('hosts.a.setup[1]: sh ended with 1: Cannot find device "eth9"');
    await expect(goodput([['no-such']])).rejects.toThrow('hosts.a.setup[0]: no-such cannot be run');
    await expect(goodput(['kill -9 $$'])).rejects.toThrow('was ended by signal 9');
  });

  it('may be one that is to fail', async () => {
    const failing = (exit: 'any' | number) => ({ command: 'tc qdisc del dev eth0 root', exit });
    expect(await goodput([failing(2), failing('any'), { command: ['true'] }])).toBeGreaterThan(9);
    await expect(goodput([failing(3)])).rejects.toThrow('hosts.a.setup[0]: sh ended with 2, not with 3: ');
  });
});

describe('system calls on a host', () => {
  const of = async (batch: readonly SimulationStep[], onError: 'stop' | 'continue' = 'stop') => {
    const { flows } = await simulate({ workloads: [{ type: 'syscalls', on: 'a', batch, onError }] });
    return flows[0]?.error;
  };

  it('of which one fails that was not to have failed, and say which and why', async () => {
    const none = { call: 'openat', args: ['AT_FDCWD', '/none', 'O_RDONLY'] };
    expect(await of([{ call: 'getpid' }, none])).toBe('workloads[0].batch[1]: openat: ENOENT');
    expect(await of([{ repeat: 2, do: [none] }])).toBe('workloads[0].batch[0].do[0]: openat: ENOENT');
    expect(await of([{ ...none, expect: 'ENOENT' }])).toBeUndefined();
    expect(await of([{ ...none, expect: 'EPERM' }])).toBe(
      'workloads[0].batch[0]: openat: ENOENT is not what it expects',
    );
    expect(await of([none], 'continue')).toBeUndefined();
    expect(await of([{ call: 'exit_group', args: [0] }])).toBeUndefined();
    expect(await of([{ call: 'exit_group', args: [3] }])).toBe('workloads[0].batch[0]: exit_group: ended with 3');
  });

  it('in a loop that waits for what never is so, and say how many turns it made and what to write instead', async () => {
    const got = { call: 'getpid', as: 'got' };
    const never = { ref: 'got', is: 0 };
    const error = await of([{ call: 'getpid' }, { do: [{ do: [got], until: never }], repeat: 2 }]);
    expect(error).toMatch(
      /^workloads\[0\]\.batch\[1\]\.do\[0\]: "until" was not so after 100000 turns in which no call waited, in 0\.01\d* s of virtual time\./,
    );
    expect(error).toContain('{"repeat": 1000, "until": …}');
    const sleep = { call: 'nanosleep', args: [{ tv_sec: 0, tv_nsec: 5000 }, null] };
    expect(await of([{ do: [got, sleep], until: never, repeat: 1000 }])).toBeUndefined();
  });

  it('in loops that only wait now and then are not stopped', async () => {
    const nap = { call: 'nanosleep', args: [{ tv_sec: 0, tv_nsec: 5000 }, null] };
    const inner = { repeat: 60_000, do: [{ call: 'getpid', as: 'got' }] };
    expect(await of([{ repeat: 2, as: 'n', do: [inner, nap] }])).toBeUndefined();
  });
});
