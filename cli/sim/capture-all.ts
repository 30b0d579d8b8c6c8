/** What --pcap means where the network does not say what to capture: every node that has a link. */

/** Knows of the network only what it needs: whether it can be is told by those who run it. */
export function captureAll(network: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { capture, links } = network;
  if (capture !== undefined || !Array.isArray(links)) return network;
  const names = links.flatMap((link: unknown) => {
    const endpoints = typeof link === 'object' && link !== null && 'endpoints' in link ? link.endpoints : [];
    return Array.isArray(endpoints) ? endpoints.map((endpoint) => String(endpoint).split(':', 1)[0]) : [];
  });
  return { ...network, capture: [...new Set(names)] };
}
