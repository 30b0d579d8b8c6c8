/** Every operation, called through openapi-fetch with the types of openapi-typescript: this has to compile, and to run. */

import assert from 'node:assert/strict';
import createClient from 'openapi-fetch';
import type { components, paths } from './generated/openapi-fetch.d.ts';
import { given, HELLO, type Inputs } from './inputs.ts';

type Schemas = components['schemas'];

const text = { parseAs: 'text' } as const;
const bytes = { parseAs: 'arrayBuffer' } as const;
/** This generator types bytes as text, and leaves it to its users to send others. */
const sending = (body: Blob) => ({
  body: '',
  bodySerializer: () => body,
  headers: { 'content-type': 'application/octet-stream' },
});

/** The JSON answer of each operation, by its name. */
export async function callAll({ url, fetch, image, disk }: Inputs) {
  const lkl = createClient<paths>({ baseUrl: url, fetch });
  const answers: Record<string, unknown> = {};
  /** What was answered, which is no problem. */
  async function ok<T>(
    name: string,
    asked: Promise<{ data?: T; error?: Schemas['Problem']; response: Response }>,
  ): Promise<T> {
    const { data, error, response } = await asked;
    assert.equal(error?.detail, undefined, `${name}: ${response.status}`);
    assert.ok(response.ok, `${name}: ${response.status}`);
    answers[name] = data;
    return data as T;
  }

  const health: Schemas['Health'] = await ok('getHealth', lkl.GET('/healthz'));
  assert.equal(health.ok, true);
  const version: Schemas['Version'] = await ok('getVersion', lkl.GET('/version'));
  assert.match(version.linux, /^6\./);
  assert.equal((await ok('getOpenapi', lkl.GET('/openapi.json'))).openapi, '3.1.0');
  assert.match(await ok('getDocs', lkl.GET('/docs', text)), /<rapi-doc/);
  assert.ok((await ok('getDocsScript', lkl.GET('/docs/rapidoc.js', text))).length > 1000);
  const name = 'unauthorized';
  const problem: Schemas['ProblemType'] = await ok(
    'getProblem',
    lkl.GET('/problems/{name}', { params: { path: { name } } }),
  );
  assert.equal(problem.status, 401);

  const tar: ArrayBuffer = await ok(
    'fs2tar',
    lkl.POST('/v1/fs2tar', { ...sending(image), ...bytes, params: { query: { type: 'romfs' } } }),
  );
  assert.ok(tar.byteLength >= 1024);
  const zip: ArrayBuffer = await ok(
    'fs2zip',
    lkl.POST('/v1/fs2zip', { ...sending(image), ...bytes, params: { query: { type: 'romfs' } } }),
  );
  assert.ok(zip.byteLength > 22);

  const path = { name: 'fetch.romfs' };
  const stored: Schemas['Image'] = await ok(
    'putImage',
    lkl.PUT('/v1/images/{name}', { ...sending(image), params: { path } }),
  );
  assert.equal(stored.size_bytes, image.size);
  await ok('headImage', lkl.HEAD('/v1/images/{name}', { params: { path } }));
  const page: Schemas['ImagePage'] = await ok(
    'listImages',
    lkl.GET('/v1/images', { params: { query: { prefix: 'fetch', limit: 10 } } }),
  );
  assert.deepEqual(
    page.images.map((one) => one.etag),
    [stored.etag],
  );
  const described: Schemas['ImageDescription'] = await ok(
    'describeImage',
    lkl.GET('/v1/images/{name}', { params: { path } }),
  );
  assert.equal(described.name, 'fetch.romfs');
  assert.ok(
    (
      await ok(
        'getImageTar',
        lkl.GET('/v1/images/{name}/tar', { ...bytes, params: { path, query: { path: 'hello' } } }),
      )
    ).byteLength >= 1024,
  );
  assert.ok(
    (
      await ok(
        'getImageZip',
        lkl.GET('/v1/images/{name}/zip', { ...bytes, params: { path, query: { path: 'hello' } } }),
      )
    ).byteLength > 100,
  );
  // One URL, two kinds of things: which of them it is only the image knows.
  const root: Schemas['Directory'] | string = await ok(
    'getImageFile',
    lkl.GET('/v1/images/{name}/files/{path}', { params: { path: { ...path, path: '.' } } }),
  );
  assert.ok(typeof root === 'object' && root.entries.some((entry) => entry.name === 'hello'));
  const file = await lkl.GET('/v1/images/{name}/files/{path}', {
    ...text,
    params: { path: { ...path, path: 'hello' } },
  });
  assert.equal(file.data, HELLO);

  const link: Schemas['Link'] = await ok(
    'createLink',
    lkl.POST('/v1/links', { body: { method: 'GET', path: `/v1/images/${path.name}/files/hello` } }),
  );
  assert.equal(await (await fetch(link.url)).text(), HELLO);

  const upload: Schemas['Upload'] = await ok(
    'beginUpload',
    lkl.POST('/v1/images/{name}/uploads', { params: { path } }),
  );
  const id = upload.id;
  const part: Schemas['UploadedPart'] = await ok(
    'putPart',
    lkl.PUT('/v1/images/{name}/uploads/{id}/parts/{part}', {
      ...sending(image),
      params: { path: { ...path, id, part: 1 } },
    }),
  );
  const uploads: Schemas['UploadList'] = await ok(
    'listUploads',
    lkl.GET('/v1/images/{name}/uploads', { params: { path } }),
  );
  assert.equal(uploads.uploads[0]?.id, id);
  const whole: Schemas['Image'] = await ok(
    'completeUpload',
    lkl.POST('/v1/images/{name}/uploads/{id}/complete', { body: { parts: [part] }, params: { path: { ...path, id } } }),
  );
  assert.equal(whole.size_bytes, image.size);
  const second = given((await lkl.POST('/v1/images/{name}/uploads', { params: { path } })).data, 'upload');
  await ok(
    'abortUpload',
    lkl.DELETE('/v1/images/{name}/uploads/{id}', { params: { path: { ...path, id: second.id } } }),
  );
  await ok('deleteImage', lkl.DELETE('/v1/images/{name}', { params: { path } }));

  const disks = { name: 'fetch.ext4' };
  await lkl.PUT('/v1/images/{name}', { ...sending(disk), params: { path: disks } });
  const put: Schemas['WrittenImage'] = await ok(
    'putImageFile',
    lkl.PUT('/v1/images/{name}/files/{path}', {
      ...sending(new Blob([HELLO])),
      params: { path: { ...disks, path: 'greeting' }, query: { mode: '0600' } },
    }),
  );
  const changed: Schemas['WrittenImage'] = await ok(
    'changeImage',
    lkl.POST('/v1/images/{name}/changes', {
      body: { changes: [{ op: 'rename', from: 'greeting', to: 'hello' }] },
      params: { path: disks, header: { 'if-match': `"${put.etag}"` } },
    }),
  );
  await ok(
    'deleteImageFile',
    lkl.DELETE('/v1/images/{name}/files/{path}', { params: { path: { ...disks, path: 'hello' } } }),
  );
  const filled: Schemas['FilledImage'] = await ok(
    'fillImage',
    lkl.POST('/v1/images/{name}/tar', { ...sending(new Blob([tar])), params: { path: disks } }),
  );
  assert.deepEqual(filled.losses, []);
  const versions: Schemas['ImageVersions'] = await ok(
    'listImageVersions',
    lkl.GET('/v1/images/{name}/versions', { params: { path: disks } }),
  );
  assert.equal(versions.versions.length, 4);
  await ok(
    'restoreImageVersion',
    lkl.POST('/v1/images/{name}/versions/{id}/restore', { params: { path: { ...disks, id: changed.version } } }),
  );
  await ok(
    'dropImageVersion',
    lkl.DELETE('/v1/images/{name}/versions/{id}', { params: { path: { ...disks, id: put.version } } }),
  );
  const raw = await ok('getImageRaw', lkl.GET('/v1/images/{name}/raw', { ...bytes, params: { path: disks } }));
  assert.equal(raw.byteLength, disk.size);

  const calls: Schemas['Call'][] = [{ call: 'getpid', args: [] }];
  const table: Schemas['SyscallTable'] = await ok('getSyscalls', lkl.GET('/v1/syscalls'));
  assert.ok(table.calls.length > 100);
  const batch: Schemas['BatchAnswer'] = await ok('postSyscalls', lkl.POST('/v1/syscalls', { body: { calls } }));
  assert.equal(batch.results[0]?.ret, 1);

  const logged: Schemas['Call'][] = [
    ...calls,
    { call: 'open', args: [{ utf8: '/dev/kmsg' }, 'O_WRONLY', 0], as: 'log' },
    { call: 'write', args: [{ ref: 'log' }, { utf8: 'noted\n' }, 6] },
  ];
  const session: Schemas['Session'] = await ok(
    'createSession',
    lkl.POST('/v1/sessions', { body: { expires_in_s: 600, program_memory: 8 } }),
  );
  const here = { params: { path: { id: session.id } } };
  const ran: Schemas['SessionAnswer'] = await ok(
    'runInSession',
    lkl.POST('/v1/sessions/{id}/syscalls', { ...here, body: { calls: logged, strace: true } }),
  );
  assert.deepEqual(
    ran.results.map(({ ret }) => ret),
    [1, 0, 6],
  );
  const at = { params: { path: { id: session.id, path: 'greeting' } } };
  await ok('putSessionFile', lkl.PUT('/v1/sessions/{id}/files/{path}', { ...sending(new Blob([HELLO])), ...at }));
  const there = await lkl.GET('/v1/sessions/{id}/files/{path}', { ...text, ...at });
  assert.equal(there.data, HELLO);
  const top: Schemas['Directory'] | string = await ok(
    'getSessionFile',
    lkl.GET('/v1/sessions/{id}/files/{path}', { params: { path: { id: session.id, path: '.' } } }),
  );
  assert.ok(typeof top === 'object' && top.entries.some((entry) => entry.name === 'greeting'));
  // One with a disk, which becomes an image.
  const { data: other } = await lkl.POST('/v1/sessions', { body: { mounts: [{ image: disks.name, at: '/mnt' }] } });
  const vda = { params: { path: { id: given(other, 'session').id, disk: 'vda' } } };
  const content = await ok('getSessionDisk', lkl.GET('/v1/sessions/{id}/disks/{disk}', { ...bytes, ...vda }));
  assert.equal(content.byteLength, disk.size);
  const saved = await ok(
    'saveSessionDisk',
    lkl.POST('/v1/sessions/{id}/disks/{disk}/image', { ...vda, body: { image: 'fetch-saved' } }),
  );
  assert.equal(saved.size_bytes, disk.size);
  await lkl.DELETE('/v1/sessions/{id}', { params: { path: { id: given(other, 'session').id } } });
  const cards = { params: { path: { id: session.id } } };
  const card = await ok(
    'addSessionInterface',
    lkl.POST('/v1/sessions/{id}/interfaces', { ...cards, body: { mtu: 1400 } }),
  );
  const list = await ok('listSessionInterfaces', lkl.GET('/v1/sessions/{id}/interfaces', cards));
  assert.deepEqual(list.interfaces, [card]);
  const eth0 = { params: { path: { id: session.id, name: card.name } } };
  assert.equal((await lkl.GET('/v1/sessions/{id}/interfaces/{name}/socket', eth0)).error?.status, 426);
  await ok('removeSessionInterface', lkl.DELETE('/v1/sessions/{id}/interfaces/{name}', eth0));
  // Nobody listens: whoever has started a server there gets what it answers.
  const port = { params: { path: { id: session.id, port: '8080', path: 'index.html' } } };
  for (const { error } of [
    await lkl.GET('/v1/sessions/{id}/ports/{port}/{path}', port),
    await lkl.POST('/v1/sessions/{id}/ports/{port}/{path}', port),
    await lkl.PUT('/v1/sessions/{id}/ports/{port}/{path}', port),
    await lkl.PATCH('/v1/sessions/{id}/ports/{port}/{path}', port),
    await lkl.DELETE('/v1/sessions/{id}/ports/{port}/{path}', port),
  ])
    assert.equal(error?.status, 409);
  const log: string = await ok('getSessionConsole', lkl.GET('/v1/sessions/{id}/console', { ...here, ...text }));
  assert.match(log, /noted/);
  const traced: string = await ok('getSessionStrace', lkl.GET('/v1/sessions/{id}/strace', { ...here, ...text }));
  assert.match(traced, /getpid\(\) += 1/);
  // A WebSocket is opened by other means: asked for by a plain request, it says so.
  const socket = await lkl.GET('/v1/sessions/{id}/socket', here);
  assert.equal(socket.error?.status, 426);
  const terminal = await lkl.GET('/v1/sessions/{id}/terminal', { params: { ...here.params, query: {} } });
  assert.equal(terminal.error?.status, 426);
  const executed: Schemas['SessionProgramAnswer'] = await ok(
    'execInSession',
    lkl.POST('/v1/sessions/{id}/exec', { ...here, body: { argv: ['sh', '-c', 'echo $PPID; exit 3'] } }),
  );
  assert.equal(executed.exit_code, 3);
  const suspended: Schemas['Session'] = await ok('suspendSession', lkl.POST('/v1/sessions/{id}/suspend', here));
  assert.equal(suspended.state, 'suspended');
  const forked: Schemas['Session'] = await ok('forkSession', lkl.POST('/v1/sessions/{id}/fork', here));
  assert.notEqual(forked.id, session.id);
  const again: Schemas['Session'] = await ok('getSession', lkl.GET('/v1/sessions/{id}', here));
  assert.equal(again.id, session.id);
  const sessions: Schemas['SessionList'] = await ok('listSessions', lkl.GET('/v1/sessions'));
  assert.ok(sessions.sessions.length >= 2);
  await ok('deleteSession', lkl.DELETE('/v1/sessions/{id}', here));
  await lkl.DELETE('/v1/sessions/{id}', { params: { path: { id: forked.id } } });

  const simulation: Schemas['Simulation'] = {
    seed: 1,
    duration: '2s',
    hosts: { a: {}, b: {} },
    links: [{ endpoints: ['a', 'b'], rate: '10mbit', delay: '20ms' }],
    workloads: [{ type: 'ping', from: 'a', to: 'b', count: 2 }],
  };
  const answer: Schemas['SimulationAnswer'] = await ok(
    'postSimulations',
    lkl.POST('/v1/simulations', { body: simulation }),
  );
  assert.equal(answer.flows[0]?.type, 'ping');
  const swept: Schemas['SimulationSweepAnswer'] = await ok(
    'postSimulationSweep',
    lkl.POST('/v1/simulations/sweep', { body: { ...simulation, sweep: { 'links[0].delay': ['10ms', '20ms'] } } }),
  );
  assert.equal(swept.runs.length, 2);

  const drill: Schemas['PacketdrillRequest'] = {
    script: '0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 bind(3, ..., ...) = 1',
    ip_versions: ['ipv4', 'ipv6'],
  };
  const played: Schemas['PacketdrillAnswer'] = await ok(
    'postPacketdrill',
    lkl.POST('/v1/packetdrill', { body: drill }),
  );
  assert.equal(played.results[0]?.line, 2);

  const made: Schemas['MadeImage'] = await ok(
    'makeFileSystem',
    lkl.POST('/v1/images/{name}/mkfs', {
      params: { path: { name: 'made.ext4' }, query: { type: 'ext4', size: '16M', seed: '1' } },
    }),
  );
  assert.equal(made.size_bytes, 16777216);
  const checked: Schemas['CheckedImage'] = await ok(
    'checkFileSystem',
    lkl.POST('/v1/images/{name}/fsck', { params: { path: { name: 'made.ext4' } } }),
  );
  assert.equal(checked.verdict, 'clean');
  const resized: Schemas['ResizedImage'] = await ok(
    'resizeImage',
    lkl.POST('/v1/images/{name}/resize', { params: { path: { name: 'made.ext4' }, query: { size: '32M' } } }),
  );
  assert.equal(resized.type, 'ext4');
  const partitioned: Schemas['PartitionedImage'] = await ok(
    'partitionImage',
    lkl.POST('/v1/images/{name}/partition', {
      params: { path: { name: 'made.disk' } },
      body: { script: 'label: gpt\nsize=2M, type=uefi\ntype=linux\n', size_bytes: 8388608, words: [], seed: 1 },
    }),
  );
  assert.match(partitioned.table, /^label: gpt/);
  const wholeDisk: Schemas['MadeDisk'] = await ok(
    'makeDiskImage',
    lkl.POST('/v1/images/{name}/mkimage', {
      params: { path: { name: 'made.img' } },
      body: {
        definitions: {
          '10-esp.conf': '[Partition]\nType=esp\nFormat=vfat\nSizeMinBytes=4M\n',
          '20-root.conf': '[Partition]\nType=root\nFormat=ext4\nMakeDirectories=/proc /dev\nMinimize=best\n',
        },
        architecture: 'x86-64',
        seed: 1,
      },
    }),
  );
  assert.deepEqual(
    wholeDisk.partitions.map(({ content }) => content),
    ['vfat', 'ext4'],
  );
  const answered: Schemas['RunAnswer'] = await ok(
    'run',
    lkl.POST('/v1/run', {
      body: {
        argv: ['sh', '-c', 'cat; mke2fs -q -F -L data /dev/vda && blkid -o value -s LABEL /dev/vda'],
        stdin: 'on Linux:\n',
        disks: [{ size_bytes: 1048576 }],
        seed: 1,
      },
    }),
  );
  assert.equal(answered.stdout, 'on Linux:\ndata\n', answered.stderr);
  const tools: Schemas['ToolList'] = await ok('getTools', lkl.GET('/v1/run'));
  assert.ok(tools.tools.some((tool) => tool.name === 'e2fsck'));

  const principal: Schemas['Principal'] = await ok('getPrincipal', lkl.GET('/v1/principal'));
  assert.ok(principal.scopes.includes('convert'));
  const usage: Schemas['Usage'] = await ok('getUsage', lkl.GET('/v1/usage', { params: { query: {} } }));
  assert.equal(usage.principal, principal.id);
  assert.equal(usage.quotas.sessions.limit, 16);
  const token: Schemas['GivenToken'] = await ok(
    'createToken',
    lkl.POST('/v1/tokens', { body: { name: 'ci', scopes: ['convert'] } }),
  );
  const one = { params: { path: { id: token.id } } };
  const tokens: Schemas['TokenList'] = await ok('listTokens', lkl.GET('/v1/tokens'));
  assert.ok(tokens.tokens.some(({ id }) => id === token.id));
  const rotated: Schemas['GivenToken'] = await ok('rotateToken', lkl.POST('/v1/tokens/{id}/rotate', one));
  assert.notEqual(rotated.token, token.token);
  await ok('revokeToken', lkl.DELETE('/v1/tokens/{id}', one));
  const audit: Schemas['AuditPage'] = await ok(
    'getAudit',
    lkl.GET('/v1/audit', { params: { query: { limit: 10, operation: 'getImageTar' } } }),
  );
  assert.equal(audit.entries[0]?.image, path.name);
  assert.match(await ok('getMetrics', lkl.GET('/metrics', text)), /^# HELP lkl_/m);
  return answers;
}
