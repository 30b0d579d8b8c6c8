/** `lkl hijack`: programs of this machine on a network stack of their own. */

import { Command, InvalidArgumentError, Option } from 'commander';
import type { HijackOptions } from './hijack.ts';
import { userNet } from './user-net.ts';

const help = `
What goes to the kernel here: sockets of every family but AF_UNIX, netlink, /proc/net, /proc/sys/net, /sys/class/net, /dev/net/tun,
/run/netns, network namespaces, and what the configuration mounts. Everything else stays this machine's. Any program will do: static,
Go, scripts with all that they start. The loopback is up.

The configuration is LKL's: LKL_HIJACK_* in the environment, then the JSON of -c, of LKL_HIJACK_CONFIG_FILE, or of ./lkl-hijack.json
if there is one. All programs of one command share one kernel, which ends with the last of them.

--publish 8080:80 lets this machine in: 127.0.0.1:8080 here is port 80 of the kernel's loopback. With another ADDRESS others may come, too;
port 0 is any that is free, and which one is told.

It needs Linux 5.14 or later (seccomp user notification) and no privilege; interfaces may need some.

Exit code: the program's; 1 to 4 as other commands where it could not be started.

  lkl hijack -- sh -c 'ip link add v0 type veth peer v1; ip addr; ss -tlnp'
  lkl hijack --net user -- curl -s https://www.kernel.org/
  lkl hijack --publish 8080:80 -- python3 -m http.server 80
  LKL_HIJACK_NET_IFTYPE=tap LKL_HIJACK_NET_IFPARAMS=lkl0 LKL_HIJACK_NET_IP=192.168.13.2 LKL_HIJACK_NET_NETMASK_LEN=24 \\
    lkl hijack -- nginx -g 'daemon off;'`;

export const hijackCommand = (): Command =>
  new Command('hijack')
    .summary('run programs of this machine on a Linux network stack of their own')
    .description(
      "Runs a program, unmodified, with its sockets and what belongs to them in a Linux kernel of its own, as LKL's hijack library does.",
    )
    .argument('<program>', 'as a shell finds it')
    .argument('[argument...]', 'its own')
    .option('-c, --config <file>', "LKL's JSON")
    .option(
      '--net <words>',
      "user: they reach the world by this machine's sockets; user,loopback: and its own servers, at 10.0.2.2",
      userNet,
    )
    .addOption(new Option('--strace [file]', 'show the calls that this kernel answers (default: on standard error)'))
    .option('--pcap <file>', 'write what passes its interfaces, as pcapng')
    .option(
      '-p, --publish <port:port>',
      'a port of this machine leads to one of the kernel: [ADDRESS:]PORT[:[ADDRESS:]PORT][/udp]; may be given again',
      (word: string, before: readonly string[] = []) => [...before, word],
    )
    .option('--root <image>', "its files are an image's, or a directory's, with /dev, /proc and /sys of this machine")
    .option('--root-options <words>', 'how that is mounted, as `lkl mount -o` has it: ro, part=2, opts=noatime')
    .addOption(
      new Option('--clock <policy>', 'virtual: its time is that of its programs, and passes only while they all wait')
        .choices(['wall', 'virtual'])
        .default('wall'),
    )
    .option('--seed <text>', 'decides what is random in it, and its date')
    .option('-m, --memory <mib>', 'what it may have in MiB (default: 112, or mem= of boot_cmdline)', mebibytes)
    .option('--session <url>', 'on the kernel of a session of a Worker: https://…/v1/sessions/ID', sessionUrl)
    .option('--all', 'what programs talk to each other by, too: AF_UNIX, pipes, eventfd; and what /proc and /sys say')
    .addHelpText('after', help)
    .action(async (program: string, args: string[], options: HijackOptions) => {
      process.exitCode = await (await import('./hijack.ts')).runHijacked(program, args, options);
    });

function sessionUrl(text: string): URL {
  const url = URL.parse(text);
  const isSession = /\/v1\/sessions\/[\w-]+(\/socket)?\/?$/.test(url?.pathname ?? '');
  if (url && isSession && (url.protocol === 'http:' || url.protocol === 'https:')) return url;
  throw new InvalidArgumentError('It is https://…/v1/sessions/ID.');
}

/** What was tried; a kernel of 32 bits could have some more. */
const MOST_MIB = 1024;

function mebibytes(text: string): number {
  if (/^\d+$/.test(text) && Number(text) >= 16 && Number(text) <= MOST_MIB) return Number(text);
  throw new InvalidArgumentError(`From 16 to ${MOST_MIB}.`);
}
