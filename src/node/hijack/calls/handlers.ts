/** Who answers which call. */

import type { CaughtCall } from '../host/numbers.ts';
import type { Handler } from '../program/call.ts';
import { descriptorCalls } from './descriptors.ts';
import { epollCalls } from './epoll.ts';
import { ioCalls } from './io.ts';
import { ioctlCalls } from './ioctls.ts';
import { messageCalls } from './messages.ts';
import { optionCalls } from './options.ts';
import { pathCalls } from './paths.ts';
import { pollCalls } from './poll.ts';
import { socketCalls } from './sockets.ts';
import { transferCalls } from './transfers.ts';

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
  ...pathCalls,
};
