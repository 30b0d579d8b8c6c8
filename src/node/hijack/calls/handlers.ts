/** Who answers which call. */

import type { CaughtCall } from '../host/numbers.ts';
import type { Handler } from '../program/call.ts';
import { descriptorCalls } from './files/descriptors.ts';
import { ioCalls } from './files/io.ts';
import { pathCalls } from './files/paths.ts';
import { pipeCalls } from './files/pipes.ts';
import { transferCalls } from './files/transfers.ts';
import { ioctlCalls } from './ioctls.ts';
import { posixQueueCalls } from './queues/posix.ts';
import { systemVQueueCalls } from './queues/system-v.ts';
import { messageCalls } from './sockets/messages.ts';
import { optionCalls } from './sockets/options.ts';
import { socketCalls } from './sockets/sockets.ts';
import { clockCalls } from './time/clocks.ts';
import { futexCalls } from './time/futex.ts';
import { processTimerCalls } from './time/process-timers.ts';
import { timerCalls } from './time/timers.ts';
import { epollCalls } from './waiting/epoll.ts';
import { pollCalls } from './waiting/poll.ts';

export const handlers: Readonly<Partial<Record<CaughtCall, Handler>>> = {
  ...ioCalls,
  ...descriptorCalls,
  ...socketCalls,
  ...messageCalls,
  ...optionCalls,
  ...ioctlCalls,
  ...pollCalls,
  ...epollCalls,
  ...transferCalls,
  ...pipeCalls,
  ...posixQueueCalls,
  ...systemVQueueCalls,
  ...pathCalls,
  ...clockCalls,
  ...timerCalls,
  ...processTimerCalls,
  ...futexCalls,
};
