/**
 * The images of containers in an archive, each a list of layers: an OCI image layout (OCI image format, image-layout.md and
 * manifest.md), or what `docker save` writes (manifest.json).
 */

import type { ByteSource } from '../../byte-source.ts';
import { ChoiceError, FormatError } from '../../errors.ts';
import { fileBytes } from '../file-data.ts';
import { type Node, S_IFREG } from '../node.ts';
import type { ArchiveTree } from '../tree.ts';

export const OCI = 'oci';

export interface ContainerImage {
  /** What it can be chosen by; the first names it. */
  readonly names: readonly string[];
  /** The lowest first. */
  layers(): Promise<readonly Layer[]>;
}

export interface Layer {
  readonly name: string;
  readonly bytes: ByteSource;
}

/** Of a JSON document, and of their number in it. */
const MAX_JSON_BYTES = 8 * 2 ** 20;
const MAX_IMAGES = 1000;
const MAX_LAYERS = 1000;
const MAX_INDEXES = 8;

/** Whether the archive has images of containers, not just files. */
export const hasImages = (tree: ArchiveTree): boolean =>
  (isFile(tree.find('oci-layout')) && isFile(tree.find('index.json'))) ||
  (isFile(tree.find('manifest.json')) &&
    (isFile(tree.find('repositories')) || tree.find('blobs') !== undefined || hasLayerTars(tree)));

const isFile = (node: Node | undefined): boolean => node?.type === S_IFREG;

/** Of older ones each layer is a folder, named by its digest, or a file. */
const hasLayerTars = (tree: ArchiveTree): boolean =>
  Array.from(tree.root.children ?? []).some(
    ([name, node]) => /^[0-9a-f]{64}(\.tar)?$/.test(name) && (!node.children || node.children.has('layer.tar')),
  );

export async function containerImages(tree: ArchiveTree): Promise<readonly ContainerImage[]> {
  const images = isFile(tree.find('manifest.json')) ? await dockerImages(tree) : await ociImages(tree);
  if (images.length === 0) throw new FormatError(OCI, 'there is no image in it');
  return images;
}

/** The image meant, or the only one. */
export function chosenImage(images: readonly ContainerImage[], wanted: string | undefined): ContainerImage {
  const found = images.filter(
    ({ names }) =>
      wanted === undefined || names.some((name) => name === wanted || name === `docker.io/library/${wanted}`),
  );
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  const names = images.map((image) => image.names.join(' = '));
  const problem =
    wanted === undefined
      ? 'name one'
      : found.length > 1
        ? 'more than one is that'
        : `there is no ${JSON.stringify(wanted)}`;
  throw new ChoiceError(
    'member',
    `oci: its images are ${names.join(', ')}: ${problem}`,
    images.map((image) => image.names[0] ?? ''),
  );
}

type Json = { readonly [key: string]: unknown };
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

async function dockerImages(tree: ArchiveTree): Promise<ContainerImage[]> {
  const manifest = listOf(await jsonAt(tree, 'manifest.json'));
  return manifest.slice(0, MAX_IMAGES).map((item, index): ContainerImage => {
    const image = isObject(item) ? item : {};
    const tags = listOf(image.RepoTags).flatMap((tag) => textOf(tag) ?? []);
    const config = textOf(image.Config) ?? '';
    const paths = listOf(image.Layers).map((path) => textOf(path) ?? '');
    const digest = /[0-9a-f]{64}/.exec(config)?.[0];
    return {
      names: [
        ...tags,
        ...(digest === undefined ? [] : [digest.slice(0, 12), `sha256:${digest}`]),
        ...(tags.length + (digest ? 1 : 0) > 0 ? [] : [String(index + 1)]),
      ],
      layers: async () => layersAt(tree, paths),
    };
  });
}

interface Descriptor {
  readonly digest: string;
  readonly mediaType: string;
  readonly names: readonly string[];
}

async function ociImages(tree: ArchiveTree): Promise<ContainerImage[]> {
  const images: ContainerImage[] = [];
  const visit = async (index: unknown, depth: number, above: readonly string[]): Promise<void> => {
    const manifests = listOf(isObject(index) ? index.manifests : undefined);
    for (const item of manifests.slice(0, MAX_IMAGES)) {
      const found = isObject(item) ? descriptorOf(item) : undefined;
      // Attestations are no images; blobs of other platforms may have been left out.
      if (found === undefined || tree.find(blobPath(found.digest)) === undefined) continue;
      const json = await jsonAt(tree, blobPath(found.digest));
      const names = [...found.names, ...above];
      if (isObject(json) && Array.isArray(json.manifests)) {
        if (depth < MAX_INDEXES) await visit(json, depth + 1, names);
        continue;
      }
      const layers = listOf(isObject(json) ? json.layers : undefined);
      const digest = found.digest;
      images.push({
        names: [...names, digest.replace(/^sha256:/, '').slice(0, 12), digest],
        layers: async () =>
          layersAt(
            tree,
            layers.map((layer) => layerPath(layer)),
          ),
      });
    }
  };
  await visit(await jsonAt(tree, 'index.json'), 0, []);
  return images;
}

const NAMES = ['io.containerd.image.name', 'org.opencontainers.image.ref.name'];

function descriptorOf(item: Json): Descriptor | undefined {
  const digest = textOf(item.digest);
  if (digest === undefined || !/^[a-z0-9+._-]+:[0-9a-zA-Z]+$/.test(digest)) return undefined;
  const notes = isObject(item.annotations) ? item.annotations : {};
  if (textOf(notes['vnd.docker.reference.type']) === 'attestation-manifest') return undefined;
  const platform = isObject(item.platform) ? item.platform : {};
  const where = [platform.os, platform.architecture, platform.variant].flatMap((part) => textOf(part) ?? []);
  return {
    digest,
    mediaType: textOf(item.mediaType) ?? '',
    names: [...NAMES.flatMap((name) => textOf(notes[name]) ?? []), ...(where.length > 0 ? [where.join('/')] : [])],
  };
}

const blobPath = (digest: string): string => `blobs/${digest.replace(':', '/')}`;

function layerPath(layer: unknown): string {
  const found = isObject(layer) ? layer : {};
  const mediaType = textOf(found.mediaType) ?? '';
  if (/\+encrypted$/.test(mediaType)) throw new FormatError(OCI, 'its layers are encrypted', { code: 'EOPNOTSUPP' });
  if (!/tar|^$/.test(mediaType)) {
    throw new FormatError(OCI, `it holds ${mediaType}, not layers of files`, { code: 'EOPNOTSUPP' });
  }
  return blobPath(textOf(found.digest) ?? '');
}

function layersAt(tree: ArchiveTree, paths: readonly string[]): Layer[] {
  if (paths.length > MAX_LAYERS) throw new FormatError(OCI, `${paths.length} layers`);
  return paths.map((path) => ({ name: path, bytes: fileAt(tree, path) }));
}

/** Symlinks are followed: older ones share layers so. */
function fileAt(tree: ArchiveTree, path: string): ByteSource {
  const node = tree.follow(path);
  if (node?.type !== S_IFREG || node.data === undefined) {
    throw new FormatError(OCI, `it needs ${path}, which is not in the archive`, { code: 'ENODATA' });
  }
  const { source, at, extents } = node.data;
  if (extents === undefined && at + node.size > source.sizeBytes) throw new FormatError(OCI, `${path} is cut short`);
  return fileBytes(OCI, node.data, node.size);
}

async function jsonAt(tree: ArchiveTree, path: string): Promise<unknown> {
  const bytes = fileAt(tree, path);
  if (bytes.sizeBytes > MAX_JSON_BYTES) throw new FormatError(OCI, `${path} has ${bytes.sizeBytes} bytes`);
  const text = new Uint8Array(bytes.sizeBytes);
  await bytes.read(0, text);
  try {
    return JSON.parse(new TextDecoder().decode(text));
  } catch (cause) {
    throw new FormatError(OCI, `${path} is no JSON`, { cause });
  }
}
