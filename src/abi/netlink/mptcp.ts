import { AF, NLA_F } from './constants.ts';
import { generic, getFamily, parseFamily } from './generic.ts';
import { attrU16, attrU32, maybe, type NetlinkRequest, nested, present, raw } from './message.ts';

/** include/uapi/linux/mptcp_pm.h */
const CMD = { ADD_ADDR: 1, SET_LIMITS: 5 } as const;
const ATTR = { ADDR: 1, RCV_ADD_ADDRS: 2, SUBFLOWS: 3 } as const;
const ADDR_ATTR = { FAMILY: 1, ADDR4: 3, ADDR6: 4, FLAGS: 6, IF_IDX: 7 } as const;
/** MPTCP_PM_ADDR_FLAG_*: tell the peer of it; open a subflow from it. */
export const ENDPOINT = { SIGNAL: 1, SUBFLOW: 2 } as const;

/** Which number the kernel gave the family mptcp_pm. */
export const getMptcpFamily = (): NetlinkRequest => getFamily('mptcp_pm');
export { parseFamily };

/** Of each connection: subflows besides the first, and addresses of the peer that are taken up. The kernel knows at most 8. */
export const setMptcpLimits = (family: number, limits: { readonly subflows: number; readonly addresses: number }) =>
  generic(family, CMD.SET_LIMITS, [
    attrU32(ATTR.SUBFLOWS, limits.subflows),
    attrU32(ATTR.RCV_ADD_ADDRS, limits.addresses),
  ]);

export interface MptcpEndpoint {
  readonly address: Uint8Array;
  readonly flags: number;
  /** ifindex: its subflows leave by this device. */
  readonly device?: number;
}

export function addMptcpEndpoint(family: number, { address, flags, device }: MptcpEndpoint): NetlinkRequest {
  const isIpv4 = address.length === 4;
  return generic(family, CMD.ADD_ADDR, [
    nested(
      ATTR.ADDR | NLA_F.NESTED,
      present(
        attrU16(ADDR_ATTR.FAMILY, isIpv4 ? AF.INET : AF.INET6),
        raw(isIpv4 ? ADDR_ATTR.ADDR4 : ADDR_ATTR.ADDR6, address),
        attrU32(ADDR_ATTR.FLAGS, flags),
        maybe(attrU32, ADDR_ATTR.IF_IDX, device),
      ),
    ),
  ]);
}
