/** Numbers of multicast routing, include/uapi/linux/mroute.h. */

export const IPPROTO_IGMP = 2;
/** Options of a raw IGMP socket at IPPROTO_IP. */
export const MRT = { INIT: 200, ADD_VIF: 202, ADD_MFC: 204 } as const;
/** A vif is told by its ifindex. */
export const VIFF_USE_IFINDEX = 8;
