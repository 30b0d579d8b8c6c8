/** LKL's environment variables as an object of its JSON: what the JSON has is read over it, key by key. */

const top = {
  gateway: 'LKL_HIJACK_NET_GATEWAY',
  gateway6: 'LKL_HIJACK_NET_GATEWAY6',
  debug: 'LKL_HIJACK_DEBUG',
  mount: 'LKL_HIJACK_MOUNT',
  singlecpu: 'LKL_HIJACK_SINGLE_CPU',
  sysctl: 'LKL_HIJACK_SYSCTL',
  boot_cmdline: 'LKL_HIJACK_BOOT_CMDLINE',
  dump: 'LKL_HIJACK_DUMP',
} as const;

/** Of the one interface that the environment can have. */
const ofInterface = {
  type: 'LKL_HIJACK_NET_IFTYPE',
  param: 'LKL_HIJACK_NET_IFPARAMS',
  mtu: 'LKL_HIJACK_NET_MTU',
  ip: 'LKL_HIJACK_NET_IP',
  ipv6: 'LKL_HIJACK_NET_IPV6',
  ifgateway: 'LKL_HIJACK_NET_IFGATEWAY',
  ifgateway6: 'LKL_HIJACK_NET_IFGATEWAY6',
  mac: 'LKL_HIJACK_NET_MAC',
  masklen: 'LKL_HIJACK_NET_NETMASK_LEN',
  masklen6: 'LKL_HIJACK_NET_NETMASK6_LEN',
  neigh: 'LKL_HIJACK_NET_NEIGHBOR',
  qdisc: 'LKL_HIJACK_NET_QDISC',
  offload: 'LKL_HIJACK_OFFLOAD',
} as const;

export const CONFIG_FILE = 'LKL_HIJACK_CONFIG_FILE';
const TAP = 'LKL_HIJACK_NET_TAP';

type Environment = Readonly<Record<string, string | undefined>>;
type Keys = Readonly<Record<string, string>>;

function read(env: Environment, names: Keys): Record<string, string> {
  return Object.fromEntries(
    Object.entries(names).flatMap(([key, name]) => {
      const value = env[name];
      return value === undefined || value === '' ? [] : [[key, value]];
    }),
  );
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** `json` is what was read of the file, if there is one: whatever that is, it is judged later. */
export function withEnvironment(env: Environment, json: unknown): unknown {
  if (json !== undefined && !isObject(json)) return json;
  const one = read(env, ofInterface);
  const tap = env[TAP];
  if (tap) Object.assign(one, { type: 'tap', param: tap });
  const listed = json?.interfaces;
  if (listed !== undefined && !Array.isArray(listed)) return json;
  const [first, ...others]: unknown[] = listed ?? [];
  // Without a type there is no device: LKL then makes none.
  const has = first !== undefined || 'type' in one;
  const merged = first === undefined ? one : isObject(first) ? { ...one, ...first } : first;
  return { ...read(env, top), ...json, ...(has && { interfaces: [merged, ...others] }) };
}
