/** Socket addresses: which struct an address family has. */

import { groupOf } from '../../../abi/constants.ts';
import type { StructName } from '../../../abi/uapi/structs.ts';

/** address_families(7) → its struct, and the prefix that the struct's fields share. */
const families = {
  AF_UNIX: ['sockaddr_un', 'sun_'],
  AF_INET: ['sockaddr_in', 'sin_'],
  AF_INET6: ['sockaddr_in6', 'sin6_'],
  AF_NETLINK: ['sockaddr_nl', 'nl_'],
  AF_PACKET: ['sockaddr_ll', 'sll_'],
  AF_ALG: ['sockaddr_alg', 'salg_'],
  AF_VSOCK: ['sockaddr_vm', 'svm_'],
} as const satisfies Record<string, readonly [StructName, string]>;

type Family = keyof typeof families;

const byNumber = new Map(
  (Object.keys(families) as Family[]).map((name) => [groupOf('family').values.get(name), families[name][0]] as const),
);

/** The struct of an address of family `number`. */
export const structOfFamily = (number: number): StructName | undefined => byNumber.get(number);

/** The struct whose fields have the names of `keys`. */
export function structOfKeys(keys: readonly string[]): StructName | undefined {
  return Object.values(families).find(([, prefix]) => keys.some((key) => key.startsWith(prefix)))?.[0];
}

/** The family that a struct is for, and the field that says so. */
export function familyOfStruct(struct: string): { readonly field: string; readonly family: Family } | undefined {
  for (const family of Object.keys(families) as Family[]) {
    const [name, prefix] = families[family];
    if (name === struct) return { field: `${prefix}family`, family };
  }
  return undefined;
}
