/** `lkl net-test`: LKL's test of an interface: a kernel with one, and a ping through it. */

import { Command, InvalidArgumentError, Option } from 'commander';
import { exitCodes } from '../failure.ts';
import { jsonOption } from '../options.ts';
import type { NetTestOptions } from './net-test.ts';

const help = `
Backends and what --ifname is for each:
  loopback  nothing
  tap       the name of a tap device (root, or one that is yours)
  macvtap   a macvtap, by name or as /dev/tapN
  raw       a device of this machine whose frames are shared (root)
  pipe      FIFO|FIFO: what is read, what is written
  vde       the directory of a vde_switch
  user      nothing, loopback, or hostfwd=tcp:[ADDRESS]:PORT-[ADDRESS]:PORT
  pcap      FILE to write, or REPLAYED|WRITTEN
  ws        ws://… or wss://…: one binary message a frame

Exit codes:
  0    every ping was answered
  1    the command line is wrong
  3    a ping was not answered
  4    anything else: the interface cannot be made, DHCP was not answered`;

export const netTestCommand = (): Command =>
  new Command('net-test')
    .summary('ping through a network interface of a kernel')
    .description(
      "Starts a kernel, gives it a network card with this back end, an address and a route, and pings from it, as LKL's net-test does.",
    )
    .addOption(new Option('--backend <type>', 'what the card is connected with').default('loopback'))
    .option('--ifname <param>', 'which one: see below', '')
    .option('--dst <address>', 'whom to ping', '127.0.0.1')
    .option('--ip <address>', "the kernel's own address")
    .option('--netmask-len <n>', "the length of its network's prefix (default: 24, of IPv6 64)", integer(0, 128))
    .option('--gateway <address>', 'the default route')
    .option('--dhcp', 'ask for the address and the route')
    .option('--count <n>', 'so many pings', integer(1, 1_000_000), 1)
    .option('--sleep <s>', 'seconds to stay afterwards, and answer', integer(0, 86_400), 0)
    .option('--offload <bits>', "virtio-net features, as LKL's offload has them: 0x8883", bits)
    .option('--pcap <file>', 'capture all frames, both ways')
    .addOption(jsonOption())
    .addHelpText('after', help)
    .action(async (options: NetTestOptions) => {
      const { netTest } = await import('./net-test.ts');
      process.exitCode = (await netTest(options)) ? exitCodes.done : exitCodes.partial;
    });

const integer =
  (least: number, most: number) =>
  (text: string): number => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It is a number from ${least} to ${most}.`);
  };

function bits(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isSafeInteger(value) || value < 0)
    throw new InvalidArgumentError('It is a number, as 0x8883.');
  return value;
}
