/** LKL's environment variables, and what of its JSON goes over them. */

import { expect, test } from 'vitest';
import { withEnvironment } from './environment.ts';

test('the environment describes one interface', () => {
  const env = {
    LKL_HIJACK_NET_IFTYPE: 'tap',
    LKL_HIJACK_NET_IFPARAMS: 'lkl0',
    LKL_HIJACK_NET_IP: '192.168.13.2',
    LKL_HIJACK_NET_NETMASK_LEN: '24',
    LKL_HIJACK_OFFLOAD: '0x9983',
    LKL_HIJACK_NET_GATEWAY: '192.168.13.1',
    LKL_HIJACK_SYSCTL: '',
  };
  expect(withEnvironment(env, undefined)).toEqual({
    gateway: '192.168.13.1',
    interfaces: [{ type: 'tap', param: 'lkl0', ip: '192.168.13.2', masklen: '24', offload: '0x9983' }],
  });
});

test('LKL_HIJACK_NET_TAP is a tap', () =>
  expect(withEnvironment({ LKL_HIJACK_NET_TAP: 'lkl7' }, undefined)).toEqual({
    interfaces: [{ type: 'tap', param: 'lkl7' }],
  }));

test('without a type there is no interface', () =>
  expect(withEnvironment({ LKL_HIJACK_NET_IP: '10.0.0.1' }, undefined)).toEqual({}));

test('the JSON goes over it, key by key', () => {
  const env = {
    LKL_HIJACK_NET_TAP: 'lkl7',
    LKL_HIJACK_NET_IP: '10.0.0.1',
    LKL_HIJACK_DEBUG: '1',
    LKL_HIJACK_DUMP: '/a',
  };
  const json = { debug: '0', interfaces: [{ ip: '10.0.0.2' }, { type: 'raw' }] };
  expect(withEnvironment(env, json)).toEqual({
    debug: '0',
    dump: '/a',
    interfaces: [{ type: 'tap', param: 'lkl7', ip: '10.0.0.2' }, { type: 'raw' }],
  });
});

test('what is no object of LKL is left as it is', () => {
  expect(withEnvironment({}, [])).toEqual([]);
  expect(withEnvironment({ LKL_HIJACK_NET_TAP: 'a' }, { interfaces: 'b' })).toEqual({ interfaces: 'b' });
  expect(withEnvironment({}, null)).toBeNull();
});
