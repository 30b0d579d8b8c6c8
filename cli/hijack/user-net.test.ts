import { expect, it } from 'vitest';
import { userNet, withUserNet } from './user-net.ts';

const user = { type: 'user', ip: '10.0.2.15', masklen: '24' };

it('is one interface more, with what makes use of it', () => {
  const both = { gateway: '10.0.2.2', nameserver: '10.0.2.3' };
  expect(withUserNet(undefined, '')).toEqual({ ...both, interfaces: [user] });
  expect(withUserNet({ debug: '1' }, 'loopback')).toEqual({
    ...both,
    debug: '1',
    interfaces: [{ ...user, param: 'loopback' }],
  });
});

it('leaves what the configuration says', () => {
  const tap = { type: 'tap', param: 'lkl0' };
  const own = { gateway: '192.0.2.1', nameserver: '192.0.2.2', interfaces: [tap] };
  expect(withUserNet(own, '')).toEqual({ ...own, interfaces: [tap, user] });
  for (const wrong of ['text', { interfaces: 'eth0' }]) expect(withUserNet(wrong, '')).toBe(wrong);
});

it('is of the type user alone', () => {
  expect(userNet('user')).toBe('');
  expect(userNet('user,loopback,hostfwd=tcp::8080-:80')).toBe('loopback,hostfwd=tcp::8080-:80');
  for (const wrong of ['', 'tap', 'users']) expect(() => userNet(wrong)).toThrow('It is user');
});
