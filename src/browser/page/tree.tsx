/** A mounted tree, a directory at a time: arrows move, Enter opens, Backspace goes up. */

import { useEffect, useRef, useState } from 'preact/hooks';
import type { Entry, Page } from '../../tree/files.ts';
import { messageOf, type RemoteExplorer } from './engine.ts';
import { type Path, pathBytes } from './path.ts';
import { FilePreview } from './preview.tsx';
import { saveAs } from './save.ts';
import { shownBytes, shownMode, shownName, shownTime } from './text.ts';
import type { VolumeChoice } from './volumes.ts';

interface Directory extends Page {
  readonly path: Path;
}

interface TreeProps {
  readonly explorer: RemoteExplorer;
  readonly volume: VolumeChoice;
  /** The image's file name. */
  readonly image: string;
}

export function Tree({ explorer, volume, image }: TreeProps) {
  const [directory, setDirectory] = useState<Directory>();
  const [file, setFile] = useState<{ readonly path: Path; readonly entry: Entry }>();
  const [at, setAt] = useState(0);
  const [saving, setSaving] = useState<string>();
  const [error, setError] = useState<string>();
  const table = useRef<HTMLTableElement>(null);

  async function show(path: Path, from?: Uint8Array) {
    setError(undefined);
    setFile(undefined);
    try {
      const page = await explorer.list(pathBytes(path));
      setDirectory({ path, ...page });
      const back = page.entries.findIndex(({ name }) => from && shownName(name) === shownName(from));
      setAt(Math.max(0, back));
      table.current?.focus();
    } catch (cause) {
      setError(messageOf(cause));
    }
  }

  async function more() {
    if (!directory) return;
    try {
      const next = await explorer.list(pathBytes(directory.path), directory.last);
      setDirectory({
        ...directory,
        ...next,
        entries: [...directory.entries, ...next.entries],
        lacking: [...directory.lacking, ...next.lacking],
      });
    } catch (cause) {
      setError(messageOf(cause));
    }
  }

  useEffect(() => void show([]), [explorer, volume]);
  useEffect(() => table.current?.querySelector('[aria-selected=true]')?.scrollIntoView({ block: 'nearest' }), [at]);

  if (!directory) return error ? <p class="bad">{error}</p> : <p role="status">Reading …</p>;
  const { path, entries } = directory;
  const up = () => path.length > 0 && void show(path.slice(0, -1), path.at(-1));

  function open(entry: Entry | undefined) {
    if (entry?.type === 'directory') void show([...path, entry.name]);
    else if (entry) setFile({ path: [...path, entry.name], entry });
  }

  function onKey(event: KeyboardEvent) {
    const steps: Readonly<Record<string, number>> = { ArrowDown: 1, ArrowUp: -1, PageDown: 20, PageUp: -20 };
    const step = steps[event.key];
    if (step !== undefined) setAt(Math.max(0, Math.min(entries.length - 1, at + step)));
    else if (event.key === 'Home') setAt(0);
    else if (event.key === 'End') setAt(entries.length - 1);
    else if (event.key === 'Enter' || event.key === 'ArrowRight') open(entries[at]);
    else if (event.key === 'Backspace' || event.key === 'ArrowLeft') up();
    else if (event.key === 'Escape') setFile(undefined);
    else return;
    event.preventDefault();
  }

  async function save(name: string, produce: Parameters<typeof saveAs>[1]) {
    setError(undefined);
    try {
      await saveAs(name, produce, (bytes) => setSaving(`${name}: ${shownBytes(bytes)}`));
    } catch (cause) {
      setError(messageOf(cause));
    } finally {
      setSaving(undefined);
    }
  }

  const here = path.at(-1);
  const tarName = `${here ? shownName(here) : image.replace(/\.(img|raw|iso|bin)$/, '')}.tar`;
  return (
    <section class={`tree${file ? ' with-file' : ''}`}>
      <div class="bar">
        <ol class="crumbs" aria-label="Path">
          {[undefined, ...path].map((name, depth) => (
            <li key={depth}>
              <button type="button" onClick={() => void show(path.slice(0, depth), path[depth])}>
                {name ? shownName(name) : '/'}
              </button>
            </li>
          ))}
        </ol>
        <button
          type="button"
          disabled={saving !== undefined}
          onClick={() =>
            void save(tarName, (take) => explorer.tar(pathBytes(path), { partition: volume.partition }, take))
          }
        >
          Save as tar
        </button>
      </div>
      {saving && <p role="status">Saving {saving} …</p>}
      {error && (
        <p class="bad" role="alert">
          {error}
        </p>
      )}
      {directory.lacking.length > 0 && (
        <ul class="bad" role="alert">
          {directory.lacking.map(({ name, problem }) => (
            <li key={name ? shownName(name) : ''}>{problem.detail}</li>
          ))}
        </ul>
      )}
      <div class="panes">
        <div class="list">
          <table
            ref={table}
            // biome-ignore lint/a11y/noNoninteractiveTabindex: it is a list that arrows walk
            tabIndex={0}
            onKeyDown={onKey}
            aria-label="Directory"
          >
            <thead>
              <tr>
                <th>Name</th>
                <th class="number">Size</th>
                <th class="wide">Mode</th>
                <th class="wide number">Owner</th>
                <th class="wide">Modified (UTC)</th>
              </tr>
            </thead>
            <tbody>
              {entries.map((entry, i) => (
                <Row
                  key={shownName(entry.name)}
                  entry={entry}
                  selected={i === at}
                  onClick={() => {
                    setAt(i);
                    open(entry);
                  }}
                />
              ))}
            </tbody>
          </table>
          {entries.length + directory.lacking.length === 0 && <p class="soft">Empty.</p>}
          {directory.more && (
            <p>
              <button type="button" onClick={() => void more()}>
                More
              </button>
            </p>
          )}
        </div>
        {file && (
          <FilePreview
            key={shownName(pathBytes(file.path))}
            explorer={explorer}
            path={pathBytes(file.path)}
            entry={file.entry}
            close={() => {
              setFile(undefined);
              table.current?.focus();
            }}
            save={(name, produce) => void save(name, produce)}
          />
        )}
      </div>
    </section>
  );
}

function Row({
  entry,
  selected,
  onClick,
}: {
  readonly entry: Entry;
  readonly selected: boolean;
  readonly onClick: () => void;
}) {
  const { name, type, mode, uid, gid, sizeBytes, mtimeNs, target } = entry;
  return (
    <tr aria-selected={selected} onClick={onClick}>
      <td>
        {shownName(name)}
        {type === 'directory' && '/'}
        {target && <span class="soft target"> -&gt; {shownName(target)}</span>}
      </td>
      <td class="number">{type === 'file' ? shownBytes(sizeBytes) : ''}</td>
      <td class="wide code">{shownMode(type, mode)}</td>
      <td class="wide number">{`${uid}:${gid}`}</td>
      <td class="wide">{shownTime(mtimeNs)}</td>
    </tr>
  );
}
