/** poll and epoll. */

import { layoutOf } from '../../../abi/layout.ts';
import { type Ptr, plus } from '../../../kernel/memory.ts';
import type { Expression, StructField } from '../../language/script.ts';
import { ScriptError } from '../../language/script-error.ts';
import { type Call, type CallContext, mustEqual } from './context.ts';

const POLLFD_BYTES = 8;
const SIGSET_BYTES = 8;

const structs = (expression: Expression | undefined): (readonly StructField[])[] => {
  const items = expression?.kind === 'list' ? expression.items : expression ? [expression] : [];
  return items.map((item) => {
    if (item.kind !== 'struct') throw new ScriptError('a struct in braces was expected');
    return item.fields;
  });
};
const field = (fields: readonly StructField[], name: string) => fields.find((one) => one.name === name)?.value;

/** poll(2) by ppoll_time64(2). */
export const poll: Call = async (c, [fds, count, timeout]) => {
  const list = structs(fds);
  const at = await c.room(POLLFD_BYTES * list.length);
  const view = () => c.memory.data;
  for (const [i, fields] of list.entries()) {
    const row = at + POLLFD_BYTES * i;
    view().setInt32(row, c.fd(field(fields, 'fd')), true);
    view().setInt16(row + 4, c.number(field(fields, 'events')), true);
  }
  const ms = c.number(timeout);
  const time = await c.room(16);
  c.memory.setU32(time, Math.floor(Math.max(ms, 0) / 1000));
  c.memory.setU32(plus(time, 8), (Math.max(ms, 0) % 1000) * 1e6);
  const ret = await c.make('ppoll_time64', at, c.number(count), ms < 0 ? 0 : time, 0, SIGSET_BYTES);
  const check = () => {
    for (const [i, fields] of list.entries()) {
      const expected = field(fields, 'revents');
      if (ret < 0 || !expected || expected.kind === 'ellipsis') continue;
      mustEqual('revents', c.number(expected), view().getUint16(at + POLLFD_BYTES * i + 6, true));
    }
  };
  return { ret, check };
};

/** Where the data of an event is, and how long one is. */
function eventLayout(): { readonly data: number; readonly bytes: number } {
  const { size, fields } = layoutOf('epoll_event');
  return { data: fields.find(({ name }) => name === 'data')?.offset ?? 4, bytes: size };
}

const dataNames = ['fd', 'ptr', 'u32', 'u64'] as const;

function putEvent(c: CallContext, at: Ptr, fields: readonly StructField[]): void {
  c.memory.setU32(at, c.values.numberOr(field(fields, 'events'), 0) >>> 0);
  const data = dataNames.map((name) => field(fields, name)).find((value) => value !== undefined);
  c.memory.setU32(plus(at, eventLayout().data), data ? c.number(data) >>> 0 : 0);
}

export const epollCtl: Call = async (c, [ep, op, fd, event]) => {
  const at = await c.room(eventLayout().bytes);
  const [fields] = event?.kind === 'struct' || event?.kind === 'list' ? structs(event) : [];
  if (fields) putEvent(c, at, fields);
  return { ret: await c.make('epoll_ctl', c.fd(ep), c.number(op), c.fd(fd), fields ? at : 0) };
};

export const epollWait: Call = async (c, [ep, events, max, timeout]) => {
  const { data, bytes } = eventLayout();
  const list = events?.kind === 'struct' || events?.kind === 'list' ? structs(events) : [];
  const count = c.number(max);
  const at = await c.room(bytes * Math.max(count, 1));
  const ret = await c.make('epoll_pwait', c.fd(ep), at, count, c.number(timeout), 0, SIGSET_BYTES);
  const check = () => {
    for (const [i, fields] of list.entries()) {
      if (i >= ret) return;
      const row = plus(at, bytes * i);
      const wanted = field(fields, 'events');
      if (wanted && wanted.kind !== 'ellipsis')
        mustEqual('epoll_event events', c.number(wanted) >>> 0, c.memory.u32(row));
      for (const name of dataNames) {
        const value = field(fields, name);
        if (value && value.kind !== 'ellipsis') {
          mustEqual(`epoll_event ${name}`, c.number(value) >>> 0, c.memory.u32(plus(row, data)));
        }
      }
    }
  };
  return { ret, check };
};
