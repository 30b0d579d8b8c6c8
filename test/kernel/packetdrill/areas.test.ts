/** Scripts of areas that public suites of packetdrill have: each passes with all versions of IP, and twice the same. */

import { expect, it } from 'vitest';
import { play, server } from '../packetdrill.ts';

it.each<[string, string]>([
  [
    'one side closed, data the other way',
    `${server}
       +0 < F. 1:1(0) ack 1 win 257
       +0~+.04 > . 1:1(0) ack 2
       +0 read(4, ..., 100) = 0
       +0 write(4, ..., 500) = 500
       +0 > P. 1:501(500) ack 2
       +.1 < . 2:2(0) ack 501 win 257
       +0 %{ assert tcpi_state == TCP_CLOSE_WAIT, tcpi_state }%
       +0 close(4) = 0
       +0 > F. 501:501(0) ack 2
       +.1 < . 2:2(0) ack 502 win 257`,
  ],
  [
    'both sides closed at once',
    `${server}
       +0 close(4) = 0
       +0 > F. 1:1(0) ack 1
       +.01 < F. 1:1(0) ack 1 win 257
       +0 > . 2:2(0) ack 2
       +.01 < . 2:2(0) ack 2 win 257`,
  ],
  [
    'what is unread at close is answered by a reset',
    `${server}
       +0 < P. 1:101(100) ack 1 win 257
       +0 > . 1:1(0) ack 101
       +0 close(4) = 0
       +0 > R. 1:1(0) ack 101`,
  ],
  [
    'a SYN in a connection is none of a new one: it is challenged (RFC 5961), as is a reset beside the next number',
    `${server}
       +0 < S 5000:5000(0) win 257
       +0 > . 1:1(0) ack 1
       +.6 < R 500:500(0) win 257
       +0 > . 1:1(0) ack 1
       +0 getsockopt(4, SOL_SOCKET, SO_ERROR, [...], [4]) = 0
       +0 < R 1:1(0) win 257
       +0 read(4, ..., 10) = -1 ECONNRESET (Connection reset by peer)`,
  ],
  [
    'two holes in what was acknowledged',
    `${server}
       +0 write(4, ..., 10000) = 10000
       +0 > P. 1:10001(10000) ack 1
       +.1 < . 1:1(0) ack 1 win 257 <sack 1001:2001,nop,nop>
       +0 < . 1:1(0) ack 1 win 257 <sack 3001:4001 1001:2001,nop,nop>
       +0 < . 1:1(0) ack 1 win 257 <sack 3001:5001 1001:2001,nop,nop>
       +0 > . 1:1001(1000) ack 1
       +0 %{ assert tcpi_ca_state == TCP_CA_Recovery, tcpi_ca_state
       assert tcpi_sacked == 3, tcpi_sacked }%`,
  ],
  [
    'timestamps, and one that is too old',
    `\`./defaults.sh\`
       0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
       +0 setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0
       +0 bind(3, ..., ...) = 0
       +0 listen(3, 1) = 0
       +0 < S 0:0(0) win 32792 <mss 1000,sackOK,TS val 100 ecr 0,nop,wscale 7>
       +0 > S. 0:0(0) ack 1 <mss 1460,sackOK,TS val 1000 ecr 100,nop,wscale 8>
       +.1 < . 1:1(0) ack 1 win 257 <nop,nop,TS val 200 ecr 1000>
       +0 accept(3, ..., ...) = 4
       +0 write(4, ..., 100) = 100
       +0 > P. 1:101(100) ack 1 <nop,nop,TS val 1100 ecr 200>
       +.1 < . 1:1(0) ack 101 win 257 <nop,nop,TS val 300 ecr 1100>
       // PAWS: an old timestamp
       +0 < P. 1:11(10) ack 101 win 257 <nop,nop,TS val 50 ecr 1100>
       +0 > . 101:101(0) ack 1 <nop,nop,TS val 1200 ecr 300>`,
  ],
  [
    'a window of nothing is probed',
    `${server}
       +0 write(4, ..., 2000) = 2000
       +0 > P. 1:2001(2000) ack 1
       +.1 < . 1:1(0) ack 2001 win 0
       +0 write(4, ..., 1000) = 1000
       +.2~+.5 > . 2000:2000(0) ack 1
       +.1 < . 1:1(0) ack 2001 win 0
       +.2~+1 > . 2000:2000(0) ack 1
       +.1 < . 1:1(0) ack 2001 win 257
       +0 > P. 2001:3001(1000) ack 1`,
  ],
  [
    'TCP_USER_TIMEOUT ends a connection that nobody acknowledges',
    `${server}
       +0 setsockopt(4, SOL_TCP, TCP_USER_TIMEOUT, [1500], 4) = 0
       +0 write(4, ..., 100) = 100
       +0 > P. 1:101(100) ack 1
       +.2~+.4 > P. 1:101(100) ack 1
       +.3~+.7 > P. 1:101(100) ack 1
       +2 write(4, ..., 100) = -1 ETIMEDOUT (Connection timed out)`,
  ],
  [
    'edges of epoll, and the end of the other side',
    `${server}
       +0 epoll_create1(0) = 5
       +0 epoll_ctl(5, EPOLL_CTL_ADD, 4, {events=EPOLLIN|EPOLLET|EPOLLRDHUP, fd=4}) = 0
       +0 epoll_wait(5, {...}, 1, 0) = 0
       +0 < P. 1:101(100) ack 1 win 257
       +0 > . 1:1(0) ack 101
       +0 epoll_wait(5, {events=EPOLLIN, fd=4}, 1, 0) = 1
       +0 epoll_wait(5, {...}, 1, 0) = 0
       +0 < F. 101:101(0) ack 1 win 257
       +0~+.04 > . 1:1(0) ack 102
       +0 epoll_wait(5, {events=EPOLLIN|EPOLLRDHUP, fd=4}, 1, 0) = 1`,
  ],
  [
    'MSG_ZEROCOPY tells when pages are free',
    `${server}
       +0 setsockopt(4, SOL_SOCKET, SO_ZEROCOPY, [1], 4) = 0
       +0 send(4, ..., 4000, MSG_ZEROCOPY) = 4000
       +0 > P. 1:4001(4000) ack 1
       +.1 < . 1:1(0) ack 4001 win 257
       +0 recvmsg(4, {msg_name(...)=..., msg_iov(1)=[{...,0}], msg_flags=MSG_ERRQUEUE, msg_control=[{cmsg_level=CMSG_LEVEL_IP, cmsg_type=CMSG_TYPE_RECVERR, cmsg_data={ee_errno=0, ee_origin=SO_EE_ORIGIN_ZEROCOPY, ee_type=0, ee_code=SO_EE_CODE_ZEROCOPY_COPIED, ee_info=0, ee_data=0}}]}, MSG_ERRQUEUE) = 0`,
  ],
  [
    'sendfile and splice',
    `${server}
       +0 open("/proc/version", O_RDONLY) = 5
       +0 sendfile(4, 5, [0], 40) = 40
       +0 > P. 1:41(40) ack 1
       +.01 < P. 1:31(30) ack 41 win 257
       +0 > . 41:41(0) ack 31
       +0 pipe([6, 7]) = 0
       +0 splice(4, NULL, 7, NULL, 30, 0) = 30
       +0 read(6, ..., 30) = 30
       +0 write(7, ..., 20) = 20
       +0 splice(6, NULL, 4, NULL, 20, 0) = 20
       +0 > P. 41:61(20) ack 31`,
  ],
  [
    'TCP_MAXSEG',
    `\`./defaults.sh\`
       0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
       +0 setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0
       +0 setsockopt(3, SOL_TCP, TCP_MAXSEG, [1100], 4) = 0
       +0 bind(3, ..., ...) = 0
       +0 listen(3, 1) = 0
       +0 < S 0:0(0) win 32792 <mss 1400,nop,wscale 7>
       +0 > S. 0:0(0) ack 1 <mss 1100,nop,wscale 8>
       +.1 < . 1:1(0) ack 1 win 257
       +0 accept(3, ..., ...) = 4
       +0 getsockopt(4, SOL_TCP, TCP_MAXSEG, [1100], [4]) = 0
       +0 write(4, ..., 2200) = 2200
       +0 > . 1:1101(1100) ack 1
       +0 > P. 1101:2201(1100) ack 1`,
  ],
  [
    'what comes out of order, and twice',
    `${server}
       +0 < . 2001:3001(1000) ack 1 win 257
       +0 > . 1:1(0) ack 1 <nop,nop,sack 2001:3001>
       +0 < . 1001:2001(1000) ack 1 win 257
       +0 > . 1:1(0) ack 1 <nop,nop,sack 1001:3001>
       +0 < . 1:1001(1000) ack 1 win 257
       +0 > . 1:1(0) ack 3001
       +0 read(4, ..., 5000) = 3000
       +0 < . 1:1001(1000) ack 1 win 257
       +0 > . 1:1(0) ack 3001 <nop,nop,sack 1:1001>`,
  ],
  [
    'data in a SYN, with a cookie',
    `\`./defaults.sh\`
       0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
       +0 setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0
       +0 bind(3, ..., ...) = 0
       +0 setsockopt(3, SOL_TCP, TCP_FASTOPEN, [10], 4) = 0
       +0 listen(3, 1) = 0
       +0 < S 0:100(100) win 32792 <mss 1000,sackOK,nop,nop,FO TFO_COOKIE,nop,nop>
       +0 > S. 0:0(0) ack 101 <mss 1460,nop,nop,sackOK>
       +0 accept(3, ..., ...) = 4
       +0 read(4, ..., 1000) = 100
       +0 %{ assert tcpi_options & TCPI_OPT_SYN_DATA, tcpi_options }%
       +.1 < . 101:101(0) ack 1 win 257`,
  ],
  [
    'urgent data',
    `${server}
       +0 send(4, ..., 10, MSG_OOB) = 10
       +0 > PU. 1:11(10) ack 1 urg 10
       +.01 < PU. 1:6(5) ack 11 win 257 urg 5
       +0 > . 11:11(0) ack 6
       +0 recv(4, ..., 1, MSG_OOB) = 1
       +0 read(4, ..., 10) = 4`,
  ],
  [
    'a connection that is refused',
    `\`./defaults.sh\`
       0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
       +0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0
       +0 connect(3, ..., ...) = -1 EINPROGRESS (Operation now in progress)
       +0 > S 0:0(0) <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 8>
       +.01 < R. 0:0(0) ack 1 win 0
       +0 getsockopt(3, SOL_SOCKET, SO_ERROR, [ECONNREFUSED], [4]) = 0
       +0 close(3) = 0`,
  ],
  [
    'keep-alives of one that has gone',
    `${server}
       +0 setsockopt(4, SOL_SOCKET, SO_KEEPALIVE, [1], 4) = 0
       +0 setsockopt(4, SOL_TCP, TCP_KEEPIDLE, [5], 4) = 0
       +0 setsockopt(4, SOL_TCP, TCP_KEEPINTVL, [1], 4) = 0
       +0 setsockopt(4, SOL_TCP, TCP_KEEPCNT, [2], 4) = 0
       +4.8~+5.3 > . 0:0(0) ack 1
       +.9~+1.2 > . 0:0(0) ack 1
       +.9~+1.2 > R. 1:1(0) ack 1
       +0 read(4, ..., 10) = -1 ETIMEDOUT (Connection timed out)`,
  ],
  [
    'a mark is told, and answered',
    `\`./defaults.sh
       sysctl -q net.ipv4.tcp_ecn=1\`
       0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
       +0 setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0
       +0 bind(3, ..., ...) = 0
       +0 listen(3, 1) = 0
       +0 < [noecn] SEW 0:0(0) win 32792 <mss 1000,sackOK,nop,nop,nop,wscale 7>
       +0 > [noecn] SE. 0:0(0) ack 1 <mss 1460,nop,nop,sackOK,nop,wscale 8>
       +.1 < [noecn] . 1:1(0) ack 1 win 257
       +0 accept(3, ..., ...) = 4
       +0 write(4, ..., 1000) = 1000
       +0 > [ect0] P. 1:1001(1000) ack 1
       +.1 < [noecn] E. 1:1(0) ack 1001 win 257
       +0 write(4, ..., 1000) = 1000
       +0 > [ect0] PW. 1001:2001(1000) ack 1
       +.01 < [ce] . 1:1001(1000) ack 2001 win 257
       * > [noecn] E. 2001:2001(0) ack 1001`,
  ],
  [
    "when a segment was acknowledged, on the script's clock",
    `${server}
       +0 setsockopt(4, SOL_SOCKET, SO_TIMESTAMPING, [SOF_TIMESTAMPING_TX_ACK|SOF_TIMESTAMPING_SOFTWARE|SOF_TIMESTAMPING_OPT_ID], 4) = 0
       +0 write(4, ..., 100) = 100
       +0 > P. 1:101(100) ack 1
       +.05 < . 1:1(0) ack 101 win 257
       +0 recvmsg(4, {msg_name(...)=..., msg_iov(1)=[{...,0}], msg_flags=MSG_ERRQUEUE|MSG_TRUNC, msg_control=[{cmsg_level=SOL_SOCKET, cmsg_type=SCM_TIMESTAMPING, cmsg_data={scm_sec=0,scm_nsec=150000000}}, {cmsg_level=CMSG_LEVEL_IP, cmsg_type=CMSG_TYPE_RECVERR, cmsg_data={ee_errno=ENOMSG, ee_origin=SO_EE_ORIGIN_TIMESTAMPING, ee_type=0, ee_code=0, ee_info=SCM_TSTAMP_ACK, ee_data=99}}]}, MSG_ERRQUEUE) = 0`,
  ],
  [
    'what epoll gives back: pointers and numbers',
    `${server}
       +0 epoll_create(1) = 5
       +0 epoll_ctl(5, EPOLL_CTL_ADD, 4, {events=EPOLLIN|EPOLLOUT, ptr=4}) = 0
       +0 epoll_wait(5, {events=EPOLLOUT, ptr=4}, 1, 0) = 1
       +0 epoll_ctl(5, EPOLL_CTL_MOD, 4, {events=EPOLLOUT|EPOLLONESHOT, u32=7}) = 0
       +0 epoll_wait(5, {events=EPOLLOUT, u32=7}, 1, 0) = 1
       +0 epoll_ctl(5, EPOLL_CTL_MOD, 4, {events=EPOLLOUT, u64=9}) = 0
       +0 epoll_wait(5, {events=EPOLLOUT, u64=9}, 1, 0) = 1`,
  ],
])('%s', async (_, script) => {
  const [first, second] = [await play(script), await play(script)];
  expect(first.map(({ error }) => error)).toEqual([undefined, undefined, undefined]);
  expect(second).toEqual(first);
});

it('a time with a fraction before the dots of a call that blocks is read whole', async () => {
  const script = `0.000 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
    0.100...0.300 connect(3, ..., ...) = 0
    0.100 > S 0:0(0) <...>
    0.300 < S. 0:0(0) ack 1 win 5792 <mss 1460,nop,nop,sackOK>
    0.300 > . 1:1(0) ack 1`;
  expect((await play(script)).map(({ error }) => error)).toEqual([undefined, undefined, undefined]);
});

it("a wrong time of a segment is told in the script's own", async () => {
  const wrong = `${server}+0 setsockopt(4, SOL_SOCKET, SO_TIMESTAMPING, [SOF_TIMESTAMPING_TX_ACK|SOF_TIMESTAMPING_SOFTWARE], 4) = 0
    +0 write(4, ..., 100) = 100
    +0 > P. 1:101(100) ack 1
    +.05 < . 1:1(0) ack 101 win 257
    +0 recvmsg(4, {msg_name(...)=..., msg_iov(1)=[{...,0}], msg_flags=MSG_ERRQUEUE|MSG_TRUNC, msg_control=[{cmsg_level=SOL_SOCKET, cmsg_type=SCM_TIMESTAMPING, cmsg_data={scm_sec=1,scm_nsec=0}}, ...]}, MSG_ERRQUEUE) = 0`;
  expect((await play(wrong))[0]?.error).toMatch(/Bad timestamp: expected: 1\.000000 actual: 0\.150/);
});

it('a script defines words of its own, below those of who runs it', async () => {
  const script = `--define=COOKIE=aabbccddeeff0011
    \`./defaults.sh\`
    0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
    +0 bind(3, ..., ...) = 0
    +0 listen(3, 1) = 0
    +0 < S 0:0(0) win 1000 <mss 1000,FO COOKIE,nop,nop>
    +0 > S. 0:0(0) ack 1 <mss 1460,FO TFO_COOKIE,nop,nop>`;
  expect((await play(script))[0]?.error).toBeUndefined();
  expect((await play(script.replace('=COOKIE=aa', '=COOKIE')))[0]?.error).toMatch('--define is NAME=VALUE');
});
