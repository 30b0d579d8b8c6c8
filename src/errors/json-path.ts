/** Places in a JSON document, as every problem names them: links[0].rate, hosts.a.sysctls["net.ipv4.tcp_sack"]. */

/** No member of ours has a longer name: what has one is only to be known again. */
const LONGEST_NAME = 256;

/** The path of a member or an element of what is at `path`. */
export function jsonStep(path: string, key: PropertyKey): string {
  if (typeof key === 'number') return `${path}[${key}]`;
  const whole = String(key);
  const name = whole.length > LONGEST_NAME ? `${whole.slice(0, LONGEST_NAME)}…` : whole;
  if (!/^[A-Za-z_]\w*$/.test(name)) return `${path}[${JSON.stringify(name)}]`;
  return path === '' ? name : `${path}.${name}`;
}

export const jsonPath = (keys: readonly PropertyKey[]): string => keys.reduce<string>(jsonStep, '');
