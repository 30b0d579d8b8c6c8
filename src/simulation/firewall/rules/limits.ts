/** Rates and amounts that rules bound, in nft's words. */

import type { Limit, Quota } from '../../../abi/netlink/nftables/expressions.ts';
import type { Place } from '../../plan/issue.ts';
import { readFlag, readNumber, readWord } from '../json.ts';

const unitBytes = { bytes: 1, kbytes: 1024, mbytes: 1024 ** 2 } as const;
const byteUnits = ['bytes', 'kbytes', 'mbytes'] as const;
const seconds = { second: 1, minute: 60, hour: 3600, day: 86_400, week: 604_800 } as const;

export function readLimit(place: Place, json: unknown): Limit | undefined {
  const given = place.members(json, 'limit', ['rate', 'rate_unit', 'per', 'burst', 'burst_unit', 'inv']) ?? {};
  const rate = readNumber(place.at('rate'), given.rate, 'rate');
  const per =
    given.per === undefined
      ? 'second'
      : readWord(place.at('per'), given.per, ['second', 'minute', 'hour', 'day', 'week']);
  const unit =
    given.rate_unit === undefined
      ? 'packets'
      : readWord(place.at('rate_unit'), given.rate_unit, ['packets', ...byteUnits]);
  const burstUnit =
    given.burst_unit === undefined
      ? undefined
      : readWord(place.at('burst_unit'), given.burst_unit, ['packets', ...byteUnits]);
  if (!rate || per === undefined || unit === undefined) {
    if (rate === 0) place.at('rate').fail('bad-option', 'a rate of nothing: drop instead');
    return undefined;
  }
  const isBytes = unit !== 'packets';
  const factor = isBytes ? unitBytes[unit] : 1;
  const burstFactor = burstUnit === undefined || burstUnit === 'packets' ? 1 : unitBytes[burstUnit];
  const burst =
    given.burst === undefined ? undefined : readNumber(place.at('burst'), given.burst, 'burst', 0xffff_ffff);
  return {
    rate: rate * factor,
    perSeconds: seconds[per],
    // nft(8): five packets when left out, no bytes.
    burst: burst === undefined ? (isBytes ? 0 : 5) : burst * (isBytes ? burstFactor : 1),
    of: isBytes ? 'bytes' : 'packets',
    over: readFlag(place.at('inv'), given.inv),
  };
}

export function readQuota(place: Place, json: unknown): Quota | undefined {
  const given = place.members(json, 'quota', ['val', 'val_unit', 'used', 'used_unit', 'inv']) ?? {};
  const factor = (key: 'val_unit' | 'used_unit') =>
    unitBytes[given[key] === undefined ? 'bytes' : (readWord(place.at(key), given[key], byteUnits) ?? 'bytes')];
  const value = readNumber(place.at('val'), given.val, 'amount');
  const used = given.used === undefined ? 0 : (readNumber(place.at('used'), given.used, 'amount') ?? 0);
  if (value === undefined) return undefined;
  return {
    bytes: value * factor('val_unit'),
    used: used * factor('used_unit'),
    over: readFlag(place.at('inv'), given.inv),
  };
}
