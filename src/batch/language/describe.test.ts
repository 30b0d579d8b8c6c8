import { expect, it, describe as suite } from 'vitest';
import { describe } from './describe.ts';

suite('the documentation of the batch language', () => {
  const { calls, structs, constants } = describe();

  it('tells of a call its number, its arguments and its other names', () => {
    expect(calls.find(({ name }) => name === 'openat')).toEqual({
      name: 'openat',
      number: 56,
      args: [
        { name: 'dfd', type: 'words', constants: 'dirfd' },
        { name: 'filename', direction: 'in', type: 'string' },
        { name: 'flags', type: 'words', constants: 'open' },
        { name: 'mode', type: 'words', constants: 'mode' },
      ],
      aliases: ['open', 'creat'],
    });
    expect(calls.find(({ name }) => name === 'recvfrom')?.args?.slice(1, 5)).toEqual([
      { name: 'ubuf', direction: 'out', type: 'bytes', length: 'size bytes' },
      { name: 'size', type: 'size' },
      { name: 'flags', type: 'words', constants: 'msg' },
      { name: 'addr', direction: 'out', type: 'sockaddr', length: '*addr_len bytes' },
    ]);
    expect(calls.find(({ name }) => name === 'nfsservctl')).toEqual({ name: 'nfsservctl', number: 42 });
  });

  it('tells of a struct where its fields lie', () => {
    expect(structs.find(({ name }) => name === 'pollfd')).toEqual({
      name: 'pollfd',
      size: 8,
      fields: [
        { name: 'fd', offset: 0, type: 's32' },
        { name: 'events', offset: 4, type: 's16', constants: 'poll' },
        { name: 'revents', offset: 6, type: 's16', constants: 'poll' },
      ],
    });
  });

  it('tells every word and its value', () => {
    expect(constants.whence).toEqual({ SEEK_SET: 0, SEEK_CUR: 1, SEEK_END: 2, SEEK_DATA: 3, SEEK_HOLE: 4 });
  });

  it('survives JSON', () => {
    const whole = { calls, structs, constants };
    expect(JSON.parse(JSON.stringify(whole))).toEqual(whole);
  });
});
