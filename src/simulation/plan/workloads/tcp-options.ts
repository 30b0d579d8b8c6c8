/** What the connections of a workload are set to. */

import type { Place } from '../issue.ts';
import type { TcpOptions, TcpWorkload } from '../request.ts';
import { readRate, readSize } from '../words.ts';
import type { TcpOptionsPlan } from './plans.ts';
import { given } from './values.ts';

/** TCP_MIN_MSS, MAX_TCP_WINDOW: Linux takes no other. */
function readMss(place: Place, value: number | undefined): number | undefined {
  if (value === undefined || (Number.isInteger(value) && value >= 88 && value <= 32_767)) return value;
  return place.fail('bad-option', `${value} is no segment size: 88 to 32767 bytes`);
}

/** Linux doubles it, in a C int. */
const largestBuffer = 2 ** 30 - 1;

/** ~0U */
const noPacing = 2 ** 32 - 1;

function readBuffer(place: Place, text: string | undefined): number | undefined {
  const bytes = readSize(place, text);
  if (bytes === undefined || bytes <= largestBuffer) return bytes;
  return place.fail('bad-option', `${text} is more than a socket holds: less than 1gb`);
}

function planEcn(place: Place, { ecn, mptcp }: TcpOptions & Pick<TcpWorkload, 'ecn'>): 'asks' | 'never' | undefined {
  if (ecn === undefined) return undefined;
  if (ecn === 'ect1') place.fail('bad-option', 'TCP of Linux 6.12 sends ECT(0): true or false');
  if (mptcp)
    place.fail('bad-option', 'subflows are opened by the kernel: say it of their hosts, "net.ipv4.tcp_ecn" in sysctls');
  return ecn ? 'asks' : 'never';
}

/** The SYN leaves with the first bytes: later than the setting of the host is as `ecn` wants it. */
function planFastOpen(place: Place, { fastopen = false, mptcp, ecn }: TcpOptions & Pick<TcpWorkload, 'ecn'>): boolean {
  if (fastopen && mptcp) place.fail('bad-option', 'with mptcp there is none here');
  if (fastopen && ecn !== undefined)
    place.fail('bad-option', 'with ecn of the flow there is none: say "net.ipv4.tcp_ecn" in the sysctls of its host');
  return fastopen;
}

export function planTcpOptions(place: Place, spec: TcpOptions & Pick<TcpWorkload, 'ecn'>): TcpOptionsPlan {
  const pacing = readRate(place.at('maxPacingRate'), spec.maxPacingRate);
  return {
    mptcp: spec.mptcp ?? false,
    nodelay: spec.nodelay ?? false,
    fastopen: planFastOpen(place.at('fastopen'), spec),
    ...given({
      congestion: spec.congestion,
      sndbuf: readBuffer(place.at('sndbuf'), spec.sndbuf),
      rcvbuf: readBuffer(place.at('rcvbuf'), spec.rcvbuf),
      maxPacingRate: pacing === undefined ? undefined : Math.min(Math.floor(pacing / 8), noPacing),
      mss: readMss(place.at('mss'), spec.mss),
      notsentLowat: readBuffer(place.at('notsentLowat'), spec.notsentLowat),
      ecn: planEcn(place.at('ecn'), spec),
    }),
  };
}
