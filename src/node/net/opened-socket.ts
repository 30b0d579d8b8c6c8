/** Waits for a WebSocket to open. */

const CONNECT_MS = 30_000;

/** False: it was refused, or nobody answered in time. */
export const isOpened = (socket: WebSocket): Promise<boolean> =>
  new Promise((resolve) => {
    const timer = setTimeout(() => {
      resolve(false);
      socket.close();
    }, CONNECT_MS);
    const ended = (isOpen: boolean) => () => {
      clearTimeout(timer);
      resolve(isOpen);
    };
    socket.addEventListener('open', ended(true));
    for (const end of ['error', 'close'] as const) socket.addEventListener(end, ended(false));
  });
