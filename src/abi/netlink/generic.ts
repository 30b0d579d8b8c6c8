/** Generic netlink: families by their names, and the header that all of their messages have. */

import { Struct, u8, u16 } from '../struct.ts';
import { encode } from './codecs.ts';
import {
  type Attribute,
  dump,
  type NetlinkMessage,
  type NetlinkRequest,
  parseAttributes,
  request,
  string,
} from './message.ts';

/** struct genlmsghdr; every family is at version 1. */
const genlmsghdr = Struct({ cmd: u8, version: u8, reserved: u16 });

/** The controller knows the numbers of all other families. */
const GENL_ID_CTRL = 0x10;
const CTRL_CMD_GETFAMILY = 3;
const CTRL_ATTR = { FAMILY_ID: 1, FAMILY_NAME: 2 } as const;

export const generic = (family: number, cmd: number, attributes: readonly Attribute[]): NetlinkRequest =>
  request(family, 0, encode(genlmsghdr, { cmd, version: 1 }), attributes);
export const genericDump = (family: number, cmd: number, attributes: readonly Attribute[]): NetlinkRequest =>
  dump(family, encode(genlmsghdr, { cmd, version: 1 }), attributes);
/** What a message of a family carries. */
export const genericAttributes = ({ payload }: NetlinkMessage): Map<number, Uint8Array> =>
  parseAttributes(payload.subarray(genlmsghdr.size));

/** Which number the kernel gave the family of this name. */
export const getFamily = (name: string): NetlinkRequest =>
  generic(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, [string(CTRL_ATTR.FAMILY_NAME, name)]);

export function parseFamily(message: NetlinkMessage): number | undefined {
  const id = genericAttributes(message).get(CTRL_ATTR.FAMILY_ID);
  return id && new DataView(id.buffer, id.byteOffset).getUint16(0, true);
}
