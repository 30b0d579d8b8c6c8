/** Qdiscs whose options are one C struct or a few lists: sfb, ets, hfsc, multiq, mqprio, skbprio, cbs, plug; and those that have none. */

import { Struct, u8, u16, u32 } from '../../struct.ts';
import { array, encode, s32 } from '../codecs.ts';
import { NLA_F } from '../constants.ts';
import { attrU8, attrU32, concat, present, raw } from '../message.ts';

/** Stochastic fair blue. Sizes of bins in packets, steps as fractions of one. */
export interface SfbOptions {
  readonly kind: 'sfb';
  readonly limit?: number;
  readonly rehashMs?: number;
  readonly warmupMs?: number;
  readonly max?: number;
  readonly target?: number;
  readonly increment?: number;
  readonly decrement?: number;
  /** Packets a second of flows that do not yield, and how many at once. */
  readonly penaltyRate?: number;
  readonly penaltyBurst?: number;
}
/** Enhanced transmission selection: bands, of which the first are strict and the others have bytes a round. */
export interface EtsOptions {
  readonly kind: 'ets';
  readonly bands: number;
  readonly strict?: number;
  readonly quanta?: readonly number[];
  readonly priomap?: readonly number[];
}
export interface HfscOptions {
  readonly kind: 'hfsc';
  /** Minor number of the class of unclassified packets. */
  readonly defaultClass: number;
}
/** Traffic classes of priorities, each with some of the device's queues. */
export interface MqprioOptions {
  readonly kind: 'mqprio';
  readonly classes: number;
  readonly map: readonly number[];
  readonly queues: readonly { readonly count: number; readonly offset: number }[];
}
export interface SkbprioOptions {
  readonly kind: 'skbprio';
  readonly limit?: number;
}
/** Credit-based shaper: credits in bytes, slopes in kbit/s. */
export interface CbsOptions {
  readonly kind: 'cbs';
  readonly hicredit: number;
  readonly locredit: number;
  readonly idleslope: number;
  readonly sendslope: number;
}
/** Holds packets back until a change of its options lets all go, and has its device look at all that waits there. */
export interface PlugOptions {
  readonly kind: 'plug';
  readonly action: 'release-indefinite';
}
export interface BareOptions {
  readonly kind: 'multiq' | 'drr' | 'qfq' | 'pfifo_fast';
}
export type StructOptions =
  | SfbOptions
  | EtsOptions
  | HfscOptions
  | MqprioOptions
  | SkbprioOptions
  | CbsOptions
  | PlugOptions
  | BareOptions;

const sfbQopt = Struct({
  rehashMs: u32,
  warmupMs: u32,
  max: u32,
  target: u32,
  increment: u32,
  decrement: u32,
  limit: u32,
  penaltyRate: u32,
  penaltyBurst: u32,
});
const SFB_PARMS = 1;
const SFB_MAX_PROB = 0xffff;
const ETS = { NBANDS: 1, NSTRICT: 2, QUANTA: 3, QUANTA_BAND: 4, PRIOMAP: 5, PRIOMAP_BAND: 6 } as const;
const QUEUES = 16;
const mqprioQopt = Struct({
  classes: u8,
  map: array(u8, QUEUES),
  hardware: u8,
  count: array(u16, QUEUES),
  offset: array(u16, QUEUES),
});
const cbsQopt = Struct({
  offload: u8,
  pad: array(u8, 3),
  hicredit: s32,
  locredit: s32,
  idleslope: s32,
  sendslope: s32,
});
const CBS_PARMS = 1;
const multiqQopt = Struct({ bands: u16, maxBands: u16 });
/** TCQ_PLUG_RELEASE_INDEFINITE */
const PLUG_ACTIONS = { 'release-indefinite': 2 } as const;
const plugQopt = Struct({ action: s32, limit: u32 });
const hfscQopt = Struct({ defaultClass: u16 });
const skbprioQopt = Struct({ limit: u32 });

export function encodeStruct(o: StructOptions): Uint8Array {
  switch (o.kind) {
    case 'sfb':
      return raw(SFB_PARMS, encode(sfbQopt, sfbParameters(o)));
    case 'ets':
      return concat(
        present(
          attrU8(ETS.NBANDS, o.bands),
          o.strict ? attrU8(ETS.NSTRICT, o.strict) : undefined,
          o.quanta &&
            raw(ETS.QUANTA | NLA_F.NESTED, concat(o.quanta.map((quantum) => attrU32(ETS.QUANTA_BAND, quantum)))),
          o.priomap && raw(ETS.PRIOMAP | NLA_F.NESTED, concat(o.priomap.map((band) => attrU8(ETS.PRIOMAP_BAND, band)))),
        ),
      );
    case 'hfsc':
      return encode(hfscQopt, o);
    case 'mqprio':
      return encode(mqprioQopt, {
        classes: o.classes,
        map: o.map,
        count: o.queues.map(({ count }) => count),
        offset: o.queues.map(({ offset }) => offset),
      });
    case 'skbprio':
      return o.limit === undefined ? new Uint8Array() : encode(skbprioQopt, { limit: o.limit });
    case 'cbs':
      return raw(CBS_PARMS, encode(cbsQopt, o));
    case 'plug':
      return encode(plugQopt, { action: PLUG_ACTIONS[o.action], limit: 0 });
    case 'multiq':
      return encode(multiqQopt, {});
    default:
      return new Uint8Array();
  }
}

/** What tc(8) has for what is left out. */
function sfbParameters(o: SfbOptions) {
  const max = o.max ?? (o.target === undefined ? 25 : Math.floor((o.target * 5 + 1) / 4));
  const part = (fraction: number | undefined, otherwise: number) =>
    fraction === undefined ? otherwise : Math.max(1, Math.round(fraction * SFB_MAX_PROB));
  return {
    rehashMs: o.rehashMs ?? 600_000,
    warmupMs: o.warmupMs ?? 60_000,
    max,
    target: o.target ?? Math.floor((max * 4 + 3) / 5),
    increment: part(o.increment, 33),
    decrement: part(o.decrement, 3),
    limit: o.limit ?? 0,
    penaltyRate: o.penaltyRate ?? 10,
    penaltyBurst: o.penaltyBurst ?? 20,
  };
}
