import { expect, test } from 'vitest';
import { jsonPath } from './json-path.ts';

test.each([
  [[], ''],
  [['workloads', 0, 'to'], 'workloads[0].to'],
  [['hosts', 'h-1', 'sysctls', 'net.ipv4.tcp_sack'], 'hosts["h-1"].sysctls["net.ipv4.tcp_sack"]'],
  [[2, 'call'], '[2].call'],
])('%j is %s', (keys, path) => expect(jsonPath(keys)).toBe(path));

test('a name of megabytes is known by its beginning', () => {
  expect(jsonPath(['hosts', 'h'.repeat(1e6)])).toHaveLength('hosts.["…"]'.length - 1 + 256);
});
