/** Units of the packet scheduler: its 64 ns tick and struct tc_ratespec. */

import { Struct, u8, u16, u32 } from '../../struct.ts';
import { s16 } from '../codecs.ts';
import { TC_LINKLAYER_ETHERNET } from '../constants.ts';

const u32Max = 0xffff_ffff;

/** Nanoseconds in ticks of PSCHED_SHIFT 6, as /proc/net/psched tells them; what a u32 cannot hold is its maximum. */
export const ticks = (ns: number): number => Math.min(u32Max, Math.round(ns / 64));

/** How long `bytes` take at `rate` bytes a second, in ticks. */
export const transmitTicks = (rate: number, bytes: number): number => ticks((bytes / rate) * 1e9);

export const ratespec = Struct({ cellLog: u8, linkLayer: u8, overhead: u16, cellAlign: s16, mpu: u16, rate: u32 });

/** A rate in bytes a second. The link layer is given, so the kernel needs no rate table and computes exactly. */
export const rateOf = (rate: number) => ({ ...none, linkLayer: TC_LINKLAYER_ETHERNET, rate: Math.min(rate, u32Max) });

const none = { cellLog: 0, linkLayer: 0, overhead: 0, cellAlign: 0, mpu: 0, rate: 0 };
/** No rate at all: an absent peak rate. */
export const noRate = none;

/** Rates of 2^32 bytes a second and more go in an attribute of 64 bits. */
export const needs64 = (rate: number): boolean => rate > u32Max;
