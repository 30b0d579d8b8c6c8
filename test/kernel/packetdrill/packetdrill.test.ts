/** Scripts of the packetdrill language on the real kernel: what holds passes, what does not is said with its line. */

import { describe, expect, it } from 'vitest';
import { type IpVersion, ipVersions } from '../../../src/packetdrill/packetdrill.ts';
import { play, server } from '../packetdrill.ts';

/** With one version; what was wrong. */
const errorOf = async (script: string, ipVersion: IpVersion = 'ipv4') =>
  (await play(script, { ipVersions: [ipVersion] }))[0]?.error;

describe('a script that Linux follows passes, with each version of IP', () => {
  it.each<[string, string]>([
    [
      'a client: connect that blocks, data both ways, both ends closed',
      `\`./defaults.sh\`
       0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
       0...0.2 connect(3, ..., ...) = 0
       *  > S 0:0(0) <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 8>
       .2 < S. 0:0(0) ack 1 win 5792 <mss 1460,sackOK,TS val 700 ecr 100,nop,wscale 7>
       +0 > . 1:1(0) ack 1 <nop,nop,TS val 200 ecr 700>
       +0 write(3, ..., 100) = 100
       +0 > P. 1:101(100) ack 1 <nop,nop,TS val 200 ecr 700>
       +.01 < P. 1:51(50) ack 101 win 257 <nop,nop,TS val 710 ecr 200>
       +0 > . 101:101(0) ack 51 <nop,nop,TS val 210 ecr 710>
       +0 read(3, ..., 1000) = 50
       +0 close(3) = 0
       +0 > F. 101:101(0) ack 51 <nop,nop,TS val 210 ecr 710>
       +.01 < F. 51:51(0) ack 102 win 257 <nop,nop,TS val 720 ecr 210>
       +0 > . 102:102(0) ack 52 <nop,nop,TS val 220 ecr 720>`,
    ],
    [
      'loss: SACK, fast retransmit, and a timeout',
      `${server}
       +0 write(4, ..., 4000) = 4000
       +0 > P. 1:4001(4000) ack 1
       +.1 < . 1:1(0) ack 1 win 257 <sack 1001:4001,nop,nop>
       +0 > . 1:1001(1000) ack 1
       +0 %{ assert tcpi_ca_state == TCP_CA_Recovery and tcpi_sacked == 3, (tcpi_ca_state, tcpi_sacked) }%
       +.1 < . 1:1(0) ack 4001 win 257
       +0 write(4, ..., 1000) = 1000
       +0 > P. 4001:5001(1000) ack 1
       +.2~+.4 > P. 4001:5001(1000) ack 1
       +0 %{ assert 0 < tcpi_total_retrans <= 2, 'retrans=%d' % tcpi_total_retrans }%`,
    ],
    [
      'code with loops and functions, whose variables stay',
      `${server}
       +0 %{
seen = []
def note():
    for name in ('cwnd', 'state'):
        if name == 'cwnd':
            seen.append(tcpi_snd_cwnd)
        else:
            assert tcpi_ca_state == TCP_CA_Open
note() }%
       +0 write(4, ..., 1000) = 1000
       +0 > P. 1:1001(1000) ack 1
       +.1 < . 1:1(0) ack 1001 win 257
       +0 %{ note(); assert seen == [10, 10], seen }%`,
    ],
    [
      'a call that blocks until data comes',
      `${server}
       +0...+.5 read(4, ..., 1000) = 10
       +.5 < P. 1:11(10) ack 1 win 257
       +0 > . 1:1(0) ack 11`,
    ],
    [
      'options, ioctl, poll, epoll, vectors and messages',
      `${server}
       +0 getsockopt(4, SOL_TCP, TCP_NODELAY, [0], [4]) = 0
       +0 setsockopt(4, SOL_SOCKET, SO_LINGER, {onoff=1, linger=0}, 8) = 0
       +0 getsockopt(4, SOL_SOCKET, SO_LINGER, {onoff=1, linger=0}, [8]) = 0
       +0 setsockopt(4, SOL_TCP, TCP_CONGESTION, "reno", 4) = 0
       +0 getsockopt(4, SOL_TCP, TCP_CONGESTION, "reno", [16]) = 0
       +0 < P. 1:101(100) ack 1 win 257
       +0 > . 1:1(0) ack 101
       +0 ioctl(4, SIOCINQ, [100]) = 0
       +0 poll([{fd=4, events=POLLIN|POLLOUT, revents=POLLIN|POLLOUT}], 1, 0) = 1
       +0 epoll_create(1) = 5
       +0 epoll_ctl(5, EPOLL_CTL_ADD, 4, {events=EPOLLIN, fd=4}) = 0
       +0 epoll_wait(5, {events=EPOLLIN, fd=4}, 1, 0) = 1
       +0 readv(4, [{..., 30}, {..., 70}], 2) = 100
       +0 fcntl(4, F_SETFL, O_RDWR|O_NONBLOCK) = 0
       +0 read(4, ..., 10) = -1 EAGAIN (Resource temporarily unavailable)
       +0 sendmsg(4, {msg_name(...)=..., msg_iov(2)=[{..., 10}, {..., 20}], msg_flags=0}, 0) = 30
       +0 > P. 1:31(30) ack 101
       +0 close(4) = 0
       +0 > R. 31:31(0) ack 101`,
    ],
    [
      'datagrams',
      `0 socket(..., SOCK_DGRAM, IPPROTO_UDP) = 3
       +0 bind(3, ..., ...) = 0
       +0 connect(3, ..., ...) = 0
       +0 write(3, ..., 50) = 50
       +0 > udp (50)
       +.1 < udp (30)
       +0 recvfrom(3, ..., 1000, 0, ..., ...) = 30`,
    ],
    [
      'ECN, by what is set in /proc and seen in IP',
      `\`./defaults.sh
        sysctl -q net.ipv4.tcp_ecn=1\`
       0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
       +0 bind(3, ..., ...) = 0
       +0 listen(3, 1) = 0
       +0 < [noecn] SEW 0:0(0) win 32792 <mss 1000,sackOK,nop,nop,nop,wscale 7>
       +0 > [noecn] SE. 0:0(0) ack 1 <mss 1460,nop,nop,sackOK,nop,wscale 8>
       +.1 < [noecn] . 1:1(0) ack 1 win 257
       +0 accept(3, ..., ...) = 4
       +0 write(4, ..., 1000) = 1000
       +0 > [ect0] P. 1:1001(1000) ack 1
       +.1 < [ect0] .E 1:1(0) ack 1001 win 257`.replace('.E', 'E.'),
    ],
    [
      'two connections one after the other, each with numbers of its own, what the first still sends left alone',
      `\`./defaults.sh
        ./set_sysctls.py /proc/sys/net/ipv4/tcp_timestamps=0\`
       0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
       +0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0
       +0 connect(3, ..., ...) = -1 EINPROGRESS (Operation now in progress)
       +0 > S 0:0(0) <mss 1460,nop,nop,sackOK,nop,wscale 8>
       +.01 < S. 123:123(0) ack 1 win 5840 <mss 1040,nop,nop,sackOK,nop,wscale 6>
       +0 > . 1:1(0) ack 1
       +0...0.01 poll([{fd=3, events=POLLIN, revents=POLLIN}], 1, 100) = 1
       +.01 < P. 1:11(10) ack 1 win 257
       +0 %{ assert tcpi_bytes_received == 10, tcpi_bytes_received }%
       +0 close(3) = 0
       +.1 socket(..., SOCK_STREAM, IPPROTO_TCP) = 4
       +0 fcntl(4, F_SETFL, O_RDWR|O_NONBLOCK) = 0
       +0 connect(4, ..., ...) = -1 EINPROGRESS (Operation now in progress)
       +0 > S 0:0(0) <mss 1460,nop,nop,sackOK,nop,wscale 8>
       +.01 < S. 77000:77000(0) ack 1 win 5840 <mss 1040,nop,nop,sackOK,nop,wscale 6>
       +0 > . 1:1(0) ack 1
       +0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 5
       +0 bind(5, ..., ...) = 0
       +0 listen(5, 1) = 0
       +0 < S 555:555(0) win 1000 <mss 1000>
       +0 > S. 0:0(0) ack 556 <mss 1460>`,
    ],
    [
      'counters',
      `\`nstat > /dev/null\`
       ${server.replace(/^`.*`$/m, '')}
       +0 \`nstat | grep -q TcpPassiveOpens\``.replaceAll('wscale 8', 'wscale 2'),
    ],
    [
      'commands: arithmetic, pipes, what is there and what is not',
      `\`X=$((2 * (3 + 4)))
        sysctl -q net.ipv4.tcp_syn_retries=$((1 + 1)) && grep -q 2 /proc/sys/net/ipv4/tcp_syn_retries
        ip link set dev tun0 mtu 1300; tc qdisc replace dev tun0 root fq\`
       0 \`cat /proc/net/dev | grep tun0\`
       +0 \`! grep nothing /proc/net/dev\``,
    ],
  ])('%s', async (_, script) => {
    expect(await play(script)).toMatchObject(ipVersions.map((ipVersion) => ({ ipVersion, passed: true })));
  });

  it('ICMP of its own for each: a route with a smaller MTU', async () => {
    const script = (unreachable: string) => `${server}
      +0 write(4, ..., 1000) = 1000
      +0 > P. 1:1001(1000) ack 1
      +.01 < ${unreachable} [1:1001(1000)]
      +0 > . 1:${0}`;
    const cut = (text: string) => text.slice(0, text.lastIndexOf('\n'));
    const v4 = `${cut(script('icmp unreachable frag_needed mtu 600'))}\n+0 > . 1:561(560) ack 1\n* > P. 561:1001(440) ack 1`;
    expect(await errorOf(v4)).toBeUndefined();
    const v6 = `${cut(script('icmp packet_too_big mtu 1280'))}\n+.2 < . 1:1(0) ack 1001 win 257`;
    expect(await errorOf(v6, 'ipv6')).toBeUndefined();
  });

  it('what is new in 6.12: a SYN with an ACK in SYN-RECEIVED is taken, and answered', async () => {
    const open = 'socket(..., SOCK_STREAM, IPPROTO_TCP)';
    const script = (answer: string) => `\`sysctl -q net.ipv4.tcp_timestamps=0\`
      0 ${open} = 3
      +0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0
      +0 connect(3, ..., ...) = -1 EINPROGRESS (Operation now in progress)
      +0 > S 0:0(0) <...>
      +.005 < S 1234:1234(0) win 14600 <mss 1040,nop,nop,sackOK,nop,wscale 6>
      +0 > S. 0:0(0) ack 1235 <...>
      +.045 < S. 1234:1234(0) ack 1 win 14600 <mss 940,nop,nop,sackOK,nop,wscale 6>
      ${answer}
      +.1 < P. 1:501(500) ack 1 win 257
      +0 > . 1:1(0) ack 501
      +0 read(3, ..., 4096) = 500`;
    expect(await errorOf(script('+0 > . 1:1(0) ack 1 <nop,nop,sack 0:1>'))).toBeUndefined();
    // What Linux 6.11 did: silence.
    expect(await errorOf(script(''))).toMatch(
      /^test\.pkt:11: .*\nscript packet: .* ack 501\nactual packet: .*sack 0:1/s,
    );
  });

  it('the same each time, whatever the host does meanwhile', async () => {
    const script = `${server}+0 write(4, ..., 9000) = 9000\n+0 > P. 1:9001(9000) ack 1\n+0 %{ print(tcpi_rtt, tcpi_snd_cwnd) }%`;
    const first = await play(script);
    expect(first[0]?.printed).toEqual(['99999 10']);
    expect(await play(script)).toEqual(first);
  });
});

describe('a script that Linux does not follow is said as packetdrill says it', () => {
  it.each<[string, string, string]>([
    [
      'a field',
      `${server}+0 < P. 1:11(10) ack 1 win 257\n+0 > . 1:1(0) ack 12`,
      'test.pkt:11: error handling packet: live packet field tcp_ack: expected: 12 (0xc) vs actual: 11 (0xb)',
    ],
    ['a flag', `${server}+0 write(4, ..., 10) = 10\n+0 > F. 1:11(10) ack 1`, 'tcp_fin: expected: 1'],
    [
      'a length',
      `${server}+0 write(4, ..., 10) = 10\n+0 > P. 1:12(11) ack 1`,
      'ipv4_total_length: expected: 51 (0x33) vs actual: 50 (0x32)',
    ],
    [
      'options',
      server.replace('wscale 8', 'wscale 9'),
      'bad outbound TCP options: expected <mss 1460,nop,nop,sackOK,nop,wscale 9> vs actual <mss 1460,nop,nop,sackOK,nop,wscale 8>',
    ],
    [
      'a time',
      `${server}+0 write(4, ..., 10) = 10\n+.1 > P. 1:11(10) ack 1`,
      'timing error: expected outbound packet at 0.200000 sec but happened at 0.100000 sec; tolerance 0.004000 sec',
    ],
    [
      'a range of time',
      `${server}+0 write(4, ..., 10) = 10\n+.1~+.2 > P. 1:11(10) ack 1`,
      'in time range 0.200000~0.300000 sec',
    ],
    ['no packet at all', `${server}+0 > P. 1:11(10) ack 1`, 'Timed out waiting for packet'],
    [
      'a result',
      `${server}+0 write(4, ..., 10) = 11`,
      'test.pkt:10: runtime error in write call: Expected result 11 but got 10',
    ],
    [
      'an errno',
      `${server}+0 listen(7, 1) = -1 EINVAL (Invalid argument)`,
      'Expected errno 22 (invalid argument) but got 9 (bad file descriptor)',
    ],
    [
      'what a call wrote',
      `${server}+0 getsockopt(4, SOL_TCP, TCP_MAXSEG, [999], [4]) = 0`,
      'Bad getsockopt optval: expected: 999 actual: 1000',
    ],
    [
      'an assertion',
      `${server}+0 %{ assert tcpi_snd_cwnd == 11, 'cwnd=%d' % tcpi_snd_cwnd }%`,
      'error executing code: AssertionError: cwnd=10',
    ],
    ['a command', `${server}+0 \`grep nothing /proc/net/dev\``, 'command: non-zero status 1'],
    ['a call that never returns', `${server}+0 read(4, ..., 10) = 1`, 'runtime error in read call: it did not return'],
    [
      'a call that returns late',
      `${server}+0...+.1 read(4, ..., 10) = 10\n+.3 < P. 1:11(10) ack 1 win 257`,
      'timing error: expected system call return at 0.200000 sec but happened at 0.400',
    ],
  ])('%s', async (_, script, error) => {
    expect(await errorOf(script)).toContain(error);
  });
});

describe('a result may be one of several', () => {
  it.each([
    ['1...8', undefined],
    ['4...4', undefined],
    ['-1...3', 'Expected result in range -1...3 but got 4'],
    ['5...100', 'Expected result in range 5...100 but got 4'],
    ['9...5', 'no number is in 9...5'],
  ])('%s', async (range, error) => {
    const results = await play(`${server}+0 write(4, ..., 4) = ${range}`, { ipVersions: ['ipv4'] });
    if (error === undefined) expect(results).toMatchObject([{ passed: true }]);
    else expect(results).toMatchObject([{ passed: false, error: expect.stringContaining(error) }]);
  });

  it('but a descriptor is one', async () => {
    expect(await errorOf('0 dup(0) = 1...5')).toContain('a descriptor is one number');
  });
});

it('what was printed before a script failed is told, and which assertion it was', async () => {
  const [result] = await play('0 %{ print("so far"); assert 1 + 1 == 3 }%', { ipVersions: ['ipv4'] });
  expect(result).toMatchObject({ passed: false, printed: ['so far'] });
  expect(result?.error).toContain('AssertionError: 1 + 1 == 3');
});

it('a script that cannot be read is looked at once', async () => {
  expect(await play('0 bogus(3) = 0')).toMatchObject([{ ipVersion: 'ipv4', unreadable: true, line: 1 }]);
});

describe('what a script cannot mean is said with its line', () => {
  it.each<[string, string]>([
    ['0 socket(..., SOCK_STREAM', 'test.pkt:1:26: syntax error'],
    ['// nothing but a comment', 'test.pkt:1:25: syntax error: an event was expected'],
    ['0 > S 0:0(0) <mss 1460,bogus 1>', 'an option that is known instead of bogus'],
    ['0 bogus(3) = 0', 'the system call bogus is not supported'],
    ['0 socket(..., SOCK_BOGUS, 0) = 3', 'there is no constant SOCK_BOGUS'],
    ['\n\n0 `perl -e 1`', 'test.pkt:3: the command perl is not supported'],
    ['0 `for i in 1 2; do true; done`', 'the shell\'s "for" is not supported'],
    ['0 `true`\n0 %{ a = 1\nb = (2 %}%', 'test.pkt:3:'],
    ['--define=X\n0 `true`', 'test.pkt:1:1: semantic error'],
    ['0 %{ class x: pass }%', 'test.pkt:1:6: code: Python\'s "class" is not supported'],
    ['0 `true`\n0 %{ while True: pass }%', 'test.pkt:2: code: it did not end within'],
    ['0 %{ assert (1 << 100000000000) > 1 }%', 'a shift is from 0 to 1023'],
    ['0 %{ assert int("x") }%', 'x is no number'],
    ['0 %{ assert min([]) }%', 'no least'],
    ['0 %{ assert hex(1.5) }%', 'no whole number'],
    ['0 %{ assert ~5000000000 != -5000000001 }%', 'AssertionError'],
    ['0 %{ assert bogus == 1 }%', "name 'bogus' is not defined"],
    ['0 %{ assert tcpi_rtt == 1 }%', 'there is no connection with a descriptor'],
    ['--mtu=many\n0 `true`', '--mtu is no number'],
    ['--bogus=1\n0 `true`', '--bogus is no option'],
    ['0 < ipv4 1.2.3.4 > 5.6.7.8: S 0:0(0)', 'not supported'],
    ['0 `echo "x`', 'a quote has no end'],
    ['0 `./defaults.sh', '"`" somewhere'],
    ['0 read(0, ..., 99999999999) = 1', 'more than a call may have'],
  ])('%s', async (script, error) => {
    expect(await errorOf(script)).toContain(error);
  });
});

it.each([
  ['parentheses', `0 socket(${'('.repeat(100_000)}1, SOCK_STREAM, IPPROTO_TCP) = 3`],
  ['lists', `0 setsockopt(3, SOL_SOCKET, ${'['.repeat(100_000)}1, 4) = 0`],
  ['structures', `0 poll(${'{a='.repeat(100_000)}1, 1, 0) = 0`],
  ['parentheses of code', `0 %{ assert ${'('.repeat(100_000)}1 }%`],
  ['signs of code', `0 %{ assert ${'-'.repeat(100_000)}1 }%`],
  ['words of code', `0 %{ assert ${'not '.repeat(100_000)}1 }%`],
  ['ifs of code', `0 %{ ${'if 1: '.repeat(100_000)}pass }%`],
  ['signs of a command', `0 \`echo $((${'-'.repeat(100_000)}1))\``],
])('says where %s are nested too deep', async (_, script) => {
  expect(await errorOf(script)).toMatch(/^test\.pkt:1(:\d+)?: .*nested more than 200 deep/);
});

it.each([
  ['S 0:4294967295(4294967295) win 1', 'bytes is 65535 at most'],
  ['S 4294967296:0(0) win 1', 'a sequence number is 4294967295 at most'],
  ['S 0:5(4) win 1', '0:5 are not 4 bytes'],
  ['S 0:0(0) win 65536', 'a window is 65535 at most'],
  ['. 1:1(0) ack 4294967296 win 1', 'the acknowledged number is 4294967295 at most'],
  ['70000 > 80 S 0:0(0) win 1', 'a port is 65535 at most'],
  ['[tos 256] S 0:0(0) win 1', 'tos is 255 at most'],
  ['S 0:0(0) win 1 <mss 65536>', 'mss is 65535 at most'],
  ['S 0:0(0) win 1 <sack 1:2 3:4 5:6 7:8 9:10 11:12>', 'options of TCP have 40 bytes at most, not 50'],
  ['. 1:65536(65535) ack 1 win 1', 'a packet has 65535 bytes at most'],
])('a packet has what fits its fields: %s', async (packet, why) => {
  expect(await errorOf(`${server}\n+0 < ${packet}\n`)).toMatch(new RegExp(`^test\\.pkt:\\d+(:\\d+)?: .*${why}`));
});
