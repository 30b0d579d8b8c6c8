/** What is in a file: as text, as a picture, or in hex, a piece at a time. */

import { useEffect, useState } from 'preact/hooks';
import type { Entry } from '../../tree/files.ts';
import type { Taker } from '../explorer.ts';
import { messageOf, type RemoteExplorer } from './engine.ts';
import { hexLines, shownBytes, shownName, textOf } from './text.ts';

/** Bytes shown at a time. */
const PIECE = 16 * 1024;
/** Pictures up to this are shown whole. */
const MAX_PICTURE = 8 * 2 ** 20;

/** What a browser shows without running anything in it. */
const pictures: readonly (readonly [magic: string, type: string])[] = [
  ['89504e47', 'image/png'],
  ['ffd8ff', 'image/jpeg'],
  ['47494638', 'image/gif'],
];

interface PreviewProps {
  readonly explorer: RemoteExplorer;
  readonly path: Uint8Array;
  readonly entry: Entry;
  readonly close: () => void;
  readonly save: (name: string, produce: (take: Taker) => Promise<void>) => void;
}

export function FilePreview({ explorer, path, entry, close, save }: PreviewProps) {
  const [offset, setOffset] = useState(0);
  const [bytes, setBytes] = useState<Uint8Array>();
  const [picture, setPicture] = useState<string>();
  const [asHex, setAsHex] = useState(false);
  const [error, setError] = useState<string>();
  const { type, sizeBytes, target } = entry;
  const isFile = type === 'file';

  useEffect(() => {
    if (!isFile) return;
    let url: string | undefined;
    let gone = false;
    const show = async () => {
      const found = (await explorer.preview(path, offset, PIECE)).bytes;
      if (gone) return;
      setBytes(found);
      const kind = offset === 0 && sizeBytes <= MAX_PICTURE ? pictureType(found) : undefined;
      if (!kind) return;
      const whole = await explorer.preview(path, 0, sizeBytes);
      if (gone) return;
      url = URL.createObjectURL(new Blob([whole.bytes as Uint8Array<ArrayBuffer>], { type: kind }));
      setPicture(url);
    };
    show().catch((cause: unknown) => setError(messageOf(cause)));
    return () => {
      gone = true;
      if (url) URL.revokeObjectURL(url);
    };
  }, [offset]);

  const text = bytes && !asHex ? textOf(bytes) : undefined;
  const end = offset + (bytes?.length ?? 0);
  return (
    <aside class="file" aria-label="File">
      <div class="bar">
        <strong>{shownName(entry.name)}</strong>
        <span class="soft">{isFile ? shownBytes(sizeBytes) : type}</span>
        {isFile && (
          <button type="button" onClick={() => save(shownName(entry.name), (take) => explorer.file(path, take))}>
            Save
          </button>
        )}
        <button type="button" onClick={close}>
          Close
        </button>
      </div>
      {target && <p>-&gt; {shownName(target)}</p>}
      {error && (
        <p class="bad" role="alert">
          {error}
        </p>
      )}
      {picture && !asHex ? (
        <img src={picture} alt={shownName(entry.name)} />
      ) : (
        bytes && <pre>{text ?? hexLines(bytes, offset)}</pre>
      )}
      {bytes && bytes.length > 0 && (
        <div class="bar">
          <label>
            <input type="checkbox" checked={asHex} onChange={() => setAsHex(!asHex)} /> hex
          </label>
          {sizeBytes > PIECE && (
            <>
              <button type="button" disabled={offset === 0} onClick={() => setOffset(Math.max(0, offset - PIECE))}>
                Previous
              </button>
              <span class="soft">
                {offset} – {end} of {sizeBytes}
              </span>
              <button type="button" disabled={end >= sizeBytes} onClick={() => setOffset(offset + PIECE)}>
                Next
              </button>
            </>
          )}
        </div>
      )}
    </aside>
  );
}

function pictureType(bytes: Uint8Array): string | undefined {
  const head = Array.from(bytes.subarray(0, 4), (byte) => byte.toString(16).padStart(2, '0')).join('');
  return pictures.find(([magic]) => head.startsWith(magic))?.[1];
}
