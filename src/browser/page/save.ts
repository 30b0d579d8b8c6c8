/** What the kernel gives as it comes, as a file of the person's: to where they choose, or among their downloads. */

import { proxy } from 'comlink';
import type { Taker } from '../explorer.ts';

/** The File System Access API, which not every browser has. */
interface Picker {
  showSaveFilePicker?(options: { suggestedName: string }): Promise<FileSystemFileHandle>;
}

/** `produce` gives its bytes to what it gets; when it rejects there is no file. Undefined: the person thought better of it. */
export async function saveAs(
  name: string,
  produce: (take: Taker) => Promise<void>,
  progress: (bytes: number) => void,
): Promise<'saved' | undefined> {
  const { showSaveFilePicker } = globalThis as Picker;
  let bytes = 0;
  const counted = (put: (chunk: Uint8Array<ArrayBuffer>) => void | Promise<void>): Taker =>
    proxy(async (chunk: Uint8Array) => {
      await put(chunk as Uint8Array<ArrayBuffer>);
      bytes += chunk.length;
      progress(bytes);
    });
  if (showSaveFilePicker) {
    let handle: FileSystemFileHandle;
    try {
      handle = await showSaveFilePicker.call(globalThis, { suggestedName: name });
    } catch (cause) {
      if (cause instanceof DOMException && cause.name === 'AbortError') return undefined;
      throw cause;
    }
    const file = await handle.createWritable(); // it replaces the file when it is closed, and not before
    try {
      await produce(counted((chunk) => file.write(chunk)));
      await file.close();
    } catch (cause) {
      await file.abort();
      throw cause;
    }
    return 'saved';
  }
  const parts: Blob[] = []; // a Blob may lie on disk, an array of bytes may not
  await produce(counted((chunk) => void parts.push(new Blob([chunk]))));
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob(parts));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  return 'saved';
}
