/** Places in a JSON document, as every problem names them: links[0].rate, hosts.a.sysctls["net.ipv4.tcp_sack"]. */

/** The path of a member or an element of what is at `path`. */
export function jsonStep(path: string, key: PropertyKey): string {
  if (typeof key === 'number') return `${path}[${key}]`;
  const name = String(key);
  if (!/^[A-Za-z_]\w*$/.test(name)) return `${path}[${JSON.stringify(name)}]`;
  return path === '' ? name : `${path}.${name}`;
}

export const jsonPath = (keys: readonly PropertyKey[]): string => keys.reduce<string>(jsonStep, '');
