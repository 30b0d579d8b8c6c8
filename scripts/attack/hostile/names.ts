/** Names that are to lead elsewhere: other images, other keys of the bucket, other sessions, other people's. */

import { bytes, json } from '../client.ts';
import { isRefusal, type Probe, problemOf } from './probe.ts';

const STRANGE = [
  '..%2fcontents',
  'a%2fb',
  'a/b',
  'a%5cb',
  'a%00b',
  'a%0d%0aset-cookie:x=1',
  '%c3%a9',
  'e%cc%81',
  '%f0%9f%90%a7',
  '%e2%80%ae',
  '%ff%fe',
  '.hidden',
  '-rf',
  'a%20b',
  'a'.repeat(600),
  '%25%32%65',
  '%',
];

export const names: readonly Probe[] = [
  {
    name: 'names of images that are none',
    async run({ ask }, found) {
      for (const name of STRANGE) {
        for (const [method, init] of [
          ['PUT', bytes(new Uint8Array(4096))],
          ['GET', {}],
          ['DELETE', { method: 'DELETE' }],
        ] as const) {
          const answer = await ask(`/v1/images/${name}`, init);
          const word = await problemOf(answer);
          if (!isRefusal(answer.status)) found(`${method} image ${name.slice(0, 40)}: ${word}`);
          if (answer.headers.has('set-cookie')) found(`${name} made a header`);
        }
      }
      const { images } = (await (await ask('/v1/images?limit=1000')).json()) as { images: { name: string }[] };
      for (const { name } of images)
        if (!/^[A-Za-z0-9][A-Za-z0-9._~-]*$/.test(name)) found(`an image is called ${name}`);
    },
  },
  {
    name: 'paths in images that leave them',
    async run({ ask, own }, found) {
      for (const path of [
        '../../../etc/passwd',
        '%2e%2e/%2e%2e/etc/passwd',
        '..%2f..%2fproc%2fself%2fmem',
        'a%00b',
        'proc/self/environ',
        'dev/mem',
      ]) {
        const answer = await ask(`/v1/images/${own}/files/${path}`);
        const word = await problemOf(answer);
        if (!isRefusal(answer.status)) found(`file ${path}: ${word}`);
      }
      // Words of the path that only the router decodes: what is asked for would be the root.
      const encoded = await ask(`/v1/images/${own}/%66iles/no-such-file`);
      const told = await problemOf(encoded);
      if (!isRefusal(encoded.status)) found(`a file behind encoded letters: ${told}`);
    },
  },
  {
    name: "another's images and sessions by their names",
    async run({ ask, theirs, session }, found) {
      const image = `/v1/images/${theirs}`;
      const at = `/v1/sessions/${session}`;
      const calls = json({ calls: [{ call: 'getpid', args: [] }] });
      const tries: readonly (readonly [string, RequestInit?])[] = [
        [image],
        [`${image}/raw`],
        [`${image}/tar`],
        [`${image}/files/`],
        [`${image}/versions`],
        [image, { method: 'HEAD' }],
        [image, { method: 'DELETE' }],
        [image, bytes(new Uint8Array(4096))],
        [`${image}/changes`, json({ changes: [{ op: 'mkdir', path: '/x' }] })],
        [`${image}/tar`, { ...bytes(new Uint8Array(1024), 'POST'), headers: { 'content-type': 'application/x-tar' } }],
        [`${image}/files/x`, bytes(new Uint8Array(3))],
        [`${image}/files/x`, { method: 'DELETE' }],
        [`${image}/uploads`, { method: 'POST' }],
        ['/v1/syscalls', json({ mounts: [{ image: theirs, at: '/mnt' }], calls: [] })],
        ['/v1/sessions', json({ mounts: [{ image: theirs, at: '/mnt' }] })],
        ['/v1/links', json({ method: 'GET', path: `${theirs}/tar`, expires_in_s: 60 })],
        [at],
        [at, { method: 'DELETE' }],
        [`${at}/console`],
        [`${at}/strace`],
        [`${at}/files/etc/`],
        [`${at}/disks/vda`],
        [`${at}/syscalls`, calls],
        [`${at}/suspend`, { method: 'POST' }],
        [`${at}/fork`, { method: 'POST' }],
      ];
      for (const [path, init] of tries) {
        const answer = await ask(path, init);
        const word = await problemOf(answer);
        // A link may be made for whatever one likes; it is good for what its maker may do.
        if (answer.status === 201 && path === '/v1/links') continue;
        if (!isRefusal(answer.status)) found(`${init?.method ?? 'GET'} ${path}: ${word}`);
      }
    },
  },
  {
    name: 'a link whose signature, claims or request were changed',
    async run({ ask, url, own }, found) {
      const made = await ask('/v1/links', json({ method: 'GET', path: `/v1/images/${own}/tar`, expires_in_s: 600 }));
      if (made.status !== 201) return found(`a link cannot be made: ${await problemOf(made)}`);
      const link = new URL(((await made.json()) as { url: string }).url, url);
      const good = link.searchParams.get('link') ?? '';
      const [head = '', body = '', signature = ''] = good.split('.');
      const claims = JSON.parse(Buffer.from(body, 'base64url').toString());
      const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
      const none = encoded({ alg: 'none', typ: 'JWT' });
      const forged = encoded({ ...claims, path: '/v1/images', images: [''] });
      const bad: readonly (readonly [string, string])[] = [
        ['alg none', `${none}.${body}.`],
        ['alg none, signed', `${none}.${body}.${signature}`],
        ['alg RS256', `${encoded({ alg: 'RS256', typ: 'JWT' })}.${body}.${signature}`],
        ['alg HS512', `${encoded({ alg: 'HS512', typ: 'JWT' })}.${body}.${signature}`],
        ['other claims', `${head}.${forged}.${signature}`],
        ['no signature', `${head}.${body}.`],
        ['half a signature', `${head}.${body}.${signature.slice(0, 20)}`],
        ['a letter more', `${good}A`],
        ['a fourth part', `${good}.${signature}`],
        ['nothing', ''],
        ['no JSON', 'a.b.c'],
        ['a token', 'lkl_aaaaaaaaaa_'.padEnd(58, 'A')],
      ];
      const withoutOwner = (path: string) =>
        fetch(new URL(path, url), { headers: { authorization: 'Bearer somebody-else' } });
      for (const [what, text] of bad) {
        const tried = new URL(link);
        tried.searchParams.set('link', text);
        const answer = await withoutOwner(`${tried.pathname}${tried.search}`);
        const word = await problemOf(answer);
        if (answer.status !== 403 && answer.status !== 401) found(`a link with ${what}: ${word}`);
      }
      const query = `link=${encodeURIComponent(good)}`;
      const elsewhere = [
        `/v1/images/${own}/raw?${query}`,
        `/v1/images?${query}`,
        `/v1/images/${own}/tar?${query}&path=/etc`,
        `/v1/images/${own}/tar?path=/etc&${query}`,
        `/v1/images/${own}/%72aw?${query}`,
        `/v1/images/${own}%2Ftar?${query}`,
        `/v1/images/${own}/%2574ar?${query}`,
        `/v1/images/${own}/./tar/../raw?${query}`,
        `/v1/images/${own}/tar?link=x&${query}`,
        `/v1/tokens?${query}`,
        `/metrics?${query}`,
      ];
      for (const path of elsewhere) {
        const answer = await withoutOwner(path);
        const word = await problemOf(answer);
        if (answer.status !== 403 && answer.status !== 401 && answer.status !== 400)
          found(`a link used for ${path.replace(good, '…')}: ${word}`);
      }
      const posted = await fetch(new URL(`/v1/images/${own}/tar?${query}`, url), {
        ...bytes(new Uint8Array(1024), 'POST'),
      });
      if (posted.status !== 403) found(`a link for GET used for POST: ${await problemOf(posted)}`);
    },
  },
];
