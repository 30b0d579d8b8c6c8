/** Kinds that read and write images: described, listed, read, made, changed, checked, uploaded, linked to. */

import { json, type Kinds, plain, sent } from './kind.ts';

export interface ImageKindNeeds {
  /** An image of many files, that is read. */
  readonly read: string;
  /** A file on it. */
  readonly file: string;
  readonly bytes: Uint8Array;
  /** An ext4 that is written, one of its versions, and an upload that has begun. */
  readonly written: string;
  readonly version: string;
  readonly upload: string;
  readonly tar: Uint8Array;
  /** A signed link to the tar of the first. */
  readonly link: string;
}

const table = { script: 'label: gpt\nsize=2M, type=uefi\ntype=linux\n', size_bytes: 8_388_608, words: [], seed: 1 };
const definitions = {
  '10-esp.conf': '[Partition]\nType=esp\nFormat=vfat\nSizeMinBytes=4M\n',
  '20-root.conf': '[Partition]\nType=root\nFormat=ext4\nMakeDirectories=/proc /dev\nMinimize=best\n',
};
const MAKING = 'type=ext4&size=16M&seed=1';

export function images(needs: ImageKindNeeds): Kinds {
  const { file, bytes, version, upload, tar, link } = needs;
  const [read, written] = [`/v1/images/${needs.read}`, `/v1/images/${needs.written}`];
  const changes = Array.from({ length: 50 }, (_, at) => ({ op: 'mkdir', path: `made-${at}`, parents: true }));
  return {
    describe: plain('describeImage', read),
    listing: plain('getImageFile', `${read}/files/`),
    file: plain('getImageFile', `${read}/files/${file}`),
    tar: plain('getImageTar', `${read}/tar`),
    'compressed tar': plain('getImageTar', `${read}/tar?compress=gzip`),
    zip: plain('getImageZip', `${read}/zip`),
    'tar by a link': plain('getImageTar', link),
    raw: plain('getImageRaw', `${read}/raw`),
    'raw as another format': plain('getImageRaw', `${read}/raw?format=qcow2`),
    'tar of a body': sent('fs2tar', '/v1/fs2tar', bytes, 'POST'),
    'zip of a body': sent('fs2zip', '/v1/fs2zip', bytes, 'POST'),
    head: plain('headImage', read, 'HEAD'),
    upload: sent('putImage', '/v1/images/cut-upload', bytes),
    part: sent('putPart', `${written}/uploads/${encodeURIComponent(upload)}/parts/1`, bytes),
    'new upload': plain('beginUpload', '/v1/images/cut-upload/uploads', 'POST'),
    uploads: plain('listUploads', `${written}/uploads`),
    'image that is deleted': plain('deleteImage', '/v1/images/cut-upload', 'DELETE'),
    'file that is put': sent('putImageFile', `${written}/files/put`, bytes.subarray(0, 2 ** 20)),
    'file that is deleted': plain('deleteImageFile', `${written}/files/put`, 'DELETE'),
    changes: json('changeImage', `${written}/changes`, { changes }),
    'tar that is unpacked': sent('fillImage', `${written}/tar?path=/unpacked`, tar, 'POST'),
    versions: plain('listImageVersions', `${written}/versions`),
    'version that is gone back to': plain('restoreImageVersion', `${written}/versions/${version}/restore`, 'POST'),
    'version that is dropped': plain('dropImageVersion', `${written}/versions/${version}`, 'DELETE'),
    mkfs: plain('makeFileSystem', `/v1/images/cut-made/mkfs?${MAKING}`, 'POST'),
    'mkfs of a tar': sent('makeFileSystem', `/v1/images/cut-filled/mkfs?${MAKING}`, tar, 'POST'),
    convert: plain('makeFileSystem', `/v1/images/cut-converted/mkfs?type=squashfs&from=${needs.written}`, 'POST'),
    mkimage: json('makeDiskImage', '/v1/images/cut-disk/mkimage', { definitions, architecture: 'x86-64', seed: 1 }),
    partition: json('partitionImage', '/v1/images/cut-table/partition', table),
    check: plain('checkFileSystem', `${written}/fsck`, 'POST'),
    repair: plain('checkFileSystem', `${written}/fsck?how=all`, 'POST'),
    resize: plain('resizeImage', `${written}/resize?size=24M`, 'POST'),
    link: json('createLink', '/v1/links', { method: 'GET', path: `${read}/tar` }),
    images: plain('listImages', '/v1/images'),
    usage: plain('getUsage', '/v1/usage'),
    'audit trail': plain('getAudit', '/v1/audit?limit=1000'),
  };
}
