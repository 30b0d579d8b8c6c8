import { expect, test } from 'vitest';
import { parseIp } from '../../abi/netlink/inet.ts';
import { parseReach } from './reach.ts';

const reaches = (words: string, address: string, port = 80): boolean => {
  const bytes = parseIp(address);
  if (!bytes) throw new Error(address);
  const reach = parseReach(words);
  return reach !== undefined && reach.refusal(bytes, port) === undefined;
};

test.each([
  '1.1.1.1',
  '8.8.8.8',
  '172.15.255.255',
  '172.32.0.1',
  '100.128.0.1',
  '2606:4700::1111',
  '2a00::1',
  '2a00::5efe:1.1.1.1',
  '2a00::5:5efe:10.0.0.1',
])('public reaches %s', (address) => expect(reaches('public', address)).toBe(true));

test.each([
  ...['0.0.0.0', '10.0.0.1', '100.64.0.1', '127.0.0.1', '127.9.9.9', '169.254.169.254', '172.16.0.1', '172.31.255.255'],
  ...['192.168.1.1', '192.0.0.192', '198.19.0.1', '224.0.0.1', '255.255.255.255', '168.63.129.16', '100.100.100.200'],
  ...[
    '::1',
    '::',
    '::ffff:127.0.0.1',
    '::ffff:10.0.0.1',
    '64:ff9b::10.0.0.1',
    '64:ff9b::169.254.169.254',
    '2002:7f00:1::1',
  ],
  ...[
    '2002:a9fe:a9fe::',
    '::127.0.0.1',
    'fe80::1',
    'fc00::1',
    'fd00:ec2::254',
    'fec0::2',
    'ff02::1',
    '2001:db8::1',
    '2001::1',
  ],
  '64:ff9b:1::1',
  ...['2606:4700::5efe:10.0.0.1', '2606:4700::200:5efe:169.254.169.254', '2a00:1:2:3:0:5efe:7f00:1'],
])('public does not reach %s', (address) => expect(reaches('public', address)).toBe(false));

test('what is named is reached, however it is written, and nothing beside it', () => {
  expect(reaches('10.1.0.0/16', '10.1.255.1')).toBe(true);
  expect(reaches('10.1.0.0/16', '10.2.0.1')).toBe(false);
  expect(reaches('10.1.0.0/16', '1.1.1.1')).toBe(false);
  expect(reaches('10.1.0.0/16', '::ffff:10.1.0.1')).toBe(true);
  expect(reaches('public 10.128.0.0/9', '10.129.0.1')).toBe(true);
  expect(reaches('public 10.128.0.0/9', '10.127.0.1')).toBe(false);
  expect(reaches('fd00::/8', 'fd12::1')).toBe(true);
  expect(reaches('127.0.0.1', '127.0.0.1')).toBe(true);
  expect(reaches('127.0.0.1', '127.0.0.2')).toBe(false);
});

test('mail goes out only where an address is named', () => {
  expect(reaches('public', '1.1.1.1', 25)).toBe(false);
  expect(reaches('public 192.0.2.7', '192.0.2.7', 25)).toBe(true);
});

test('no words are no way out, and words that mean nothing are said', () => {
  expect(parseReach('')).toBeUndefined();
  expect(parseReach('  ')).toBeUndefined();
  for (const words of ['yes', 'public 10.0.0.0/33', '10.0.0', 'public,10.0.0.0/8', '1.2.3.4/'])
    expect(() => parseReach(words)).toThrow(/neither "public" nor an address/);
});
