/** Lets a bounded number of tasks run at once; the rest wait their turn, first come first served. */

/** Answers a function that starts a task as soon as fewer than `limit` are running. */
export function gate(limit: number): <T>(task: () => Promise<T>) => Promise<T> {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (task) => {
    if (running < limit) running += 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await task();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next(); // it takes this task's place
    }
  };
}
