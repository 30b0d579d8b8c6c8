/** A disk image: dropped or chosen, described, looked into. */

import { proxy } from 'comlink';
import type { ComponentType } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { isWasm } from '../../tools/is-wasm.ts';
import type { OpenedImage } from '../explorer.ts';
import { messageOf, type RemoteApi, type RemoteExplorer } from './engine.ts';
import { asOne, type Chosen } from './pieces.ts';
import type { TerminalProps } from './terminal.tsx';
import { shownBytes } from './text.ts';
import { Tree } from './tree.tsx';
import { type VolumeChoice, volumesOf } from './volumes.ts';

/** Of a module of WebAssembly. */
const MAGIC_BYTES = 4;

interface Shown {
  readonly name: string;
  readonly image: OpenedImage;
  readonly explorer: RemoteExplorer;
}

export function ImageTab({ api }: { readonly api: RemoteApi }) {
  const [shown, setShown] = useState<Shown>();
  const [volume, setVolume] = useState<VolumeChoice>();
  const [busy, setBusy] = useState<string>();
  const [error, setError] = useState<string>();
  const [over, setOver] = useState(false);
  const [hasShell, setHasShell] = useState(false);
  const [added, setAdded] = useState<string>();
  const input = useRef<HTMLInputElement>(null);
  const explorer = useRef<RemoteExplorer>(undefined);

  /** A module is a program for shells, all else an image or its pieces. */
  async function take(files: readonly File[]) {
    setAdded(undefined);
    setError(undefined);
    try {
      const chosen = asOne(files);
      const { name, content } = chosen;
      if (!isWasm(new Uint8Array(await content.slice(0, MAGIC_BYTES).arrayBuffer()))) return open(chosen);
      explorer.current ??= await api.explorer();
      setAdded(await explorer.current.addProgram(content, name));
    } catch (cause) {
      setError(messageOf(cause));
    }
  }

  async function open({ name, content }: Chosen) {
    setError(undefined);
    setHasShell(false);
    setShown(undefined);
    setVolume(undefined);
    setBusy(`Opening ${name} …`);
    try {
      explorer.current ??= await api.explorer();
      const one = explorer.current;
      const image = await one.open(
        content,
        proxy((bytes) => setBusy(`Decompressing ${name}: ${shownBytes(bytes)} …`)),
      );
      setShown({ name, image, explorer: one });
      const mountable = volumesOf(image.report).filter(({ type }) => type !== undefined);
      if (mountable[0]) await choose(one, mountable[0]);
      else setError('No file system was found on it that Linux can mount.');
    } catch (cause) {
      setError(messageOf(cause));
    } finally {
      setBusy(undefined);
    }
  }

  async function choose(one: RemoteExplorer, choice: VolumeChoice) {
    setError(undefined);
    setHasShell(false);
    setVolume(undefined);
    try {
      await one.mount({ partition: choice.partition });
      setVolume(choice);
    } catch (cause) {
      setError(messageOf(cause));
    }
  }

  useEffect(() => {
    const drop = (event: DragEvent) => {
      event.preventDefault();
      setOver(event.type === 'dragover');
      const files = event.type === 'drop' ? [...(event.dataTransfer?.files ?? [])] : [];
      if (files.length > 0) void take(files);
    };
    for (const type of ['dragover', 'dragleave', 'drop'] as const) addEventListener(type, drop);
    return () => {
      for (const type of ['dragover', 'dragleave', 'drop'] as const) removeEventListener(type, drop);
    };
  }, []);

  return (
    <>
      <section class={`drop${over ? ' over' : ''}${shown ? ' small' : ''}`}>
        <p>
          {shown ? <strong>{shown.name}</strong> : 'Drop a disk image anywhere on this page, or '}{' '}
          <button type="button" onClick={() => input.current?.click()}>
            {shown ? 'Open another' : 'choose a file'}
          </button>
        </p>
        {!shown && (
          <p class="soft">
            ext4, xfs, btrfs, squashfs, FAT, NTFS, ISO, whole disks with partitions; gzip, xz and zstd are undone, the
            pieces of a split image (.001, .002 …) are taken together. It is read where it lies, by a Linux kernel in
            this page: nothing is uploaded.
          </p>
        )}
        <input
          ref={input}
          type="file"
          multiple
          hidden
          onChange={(event) => {
            const files = [...(event.currentTarget.files ?? [])];
            if (files.length > 0) void take(files);
            event.currentTarget.value = '';
          }}
        />
      </section>
      {busy && <p role="status">{busy}</p>}
      {added !== undefined && (
        <p role="status">
          <code>{added}</code> is a program now{hasShell ? ': type its name' : ' of every shell that is opened here'}.
        </p>
      )}
      {error && (
        <p class="bad" role="alert">
          {error}
        </p>
      )}
      {shown && <Facts {...shown} volume={volume} choose={(choice) => void choose(shown.explorer, choice)} />}
      {shown && volume && hasShell && (
        <ShellPlace explorer={shown.explorer} volume={volume} image={shown.name} close={() => setHasShell(false)} />
      )}
      {shown && volume && !hasShell && (
        <p>
          <button type="button" onClick={() => setHasShell(true)}>
            Open a shell in it
          </button>
        </p>
      )}
      {shown && volume && (
        <Tree key={`${shown.name} ${volume.partition}`} explorer={shown.explorer} volume={volume} image={shown.name} />
      )}
    </>
  );
}

/** The terminal, once its code is there. */
function ShellPlace(props: TerminalProps) {
  const [Loaded, setLoaded] = useState<ComponentType<TerminalProps>>();
  const [error, setError] = useState<string>();
  useEffect(() => {
    import('./terminal.tsx').then(
      ({ Terminal }) => setLoaded(() => Terminal),
      (cause: unknown) => setError(messageOf(cause)),
    );
  }, []);
  if (error !== undefined) return <p class="bad">{error}</p>;
  return Loaded ? <Loaded {...props} /> : <p role="status">The terminal is being loaded …</p>;
}

function Facts({
  image,
  volume,
  choose,
}: Shown & { readonly volume: VolumeChoice | undefined; readonly choose: (choice: VolumeChoice) => void }) {
  const { report, sizeBytes, format, compression } = image;
  const volumes = volumesOf(report);
  const facts = [shownBytes(sizeBytes), format === 'raw' ? undefined : format, compression, report.partitionTable];
  return (
    <section class="facts">
      <p class="soft">{facts.filter(Boolean).join(' · ')}</p>
      {volumes.length > 0 && (
        <ul class="volumes">
          {volumes.map((one) => (
            <li key={one.title}>
              <button
                type="button"
                disabled={one.type === undefined}
                aria-pressed={one.partition === volume?.partition && volume !== undefined}
                onClick={() => choose(one)}
              >
                <strong>{one.title}</strong> <span class="soft">{one.facts}</span>
              </button>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
