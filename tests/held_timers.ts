// Holds timers, so that a test decides when they fire. A deadline then passes at a moment
// that the test chooses, however slow the machine is.

const { setTimeout: realSetTimeout, clearTimeout: realClearTimeout } =
  globalThis;

const HOUR = 3_600_000;

/** A timeout in milliseconds for {@linkcode holdTimers}. No other timer has this delay. */
export const HELD_DEADLINE = HOUR;

/** Holds timers until it is disposed of. */
export interface HeldTimers extends Disposable {
  /** Fires the held timers. Throws if there are none. */
  fire(): void;
}

/** Holds every timer that is set from now on with a delay of at least `ms` milliseconds. */
export function holdTimers(ms: number): HeldTimers {
  const { setTimeout, clearTimeout } = globalThis;
  const held = new Map<unknown, () => void>();
  Object.assign(globalThis, {
    setTimeout(
      action: (...args: unknown[]) => void,
      delay = 0,
      ...args: unknown[]
    ) {
      if (delay < ms) return setTimeout(action, delay, ...args);
      // A real timer, so that the leak check sees one that is never cleared.
      const timer = setTimeout(() => {}, HOUR);
      held.set(timer, () => action(...args));
      return timer;
    },
    clearTimeout(timer: number | undefined) {
      held.delete(timer);
      clearTimeout(timer);
    },
  });
  return {
    fire() {
      if (held.size === 0) throw new Error(`no timer of ${ms} ms or more`);
      for (const [timer, action] of [...held]) {
        // The action of an earlier timer may have cleared this one.
        if (!held.delete(timer)) continue;
        clearTimeout(timer as number);
        action();
      }
    },
    [Symbol.dispose]() {
      Object.assign(globalThis, { setTimeout, clearTimeout });
    },
  };
}

/** Stops the clock of the library: `performance.now` stands still, and timers of at least 500 ms are held. */
export function stopClock(): HeldTimers {
  const timers = holdTimers(500);
  const { performance } = globalThis;
  const { now } = performance;
  const stopped = performance.now();
  performance.now = () => stopped;
  return {
    fire: timers.fire,
    [Symbol.dispose]() {
      performance.now = now;
      timers[Symbol.dispose]();
    },
  };
}

/** Settles as `promise` does. Rejects after a minute, which only a hang takes. */
export async function withinAMinute<T>(promise: Promise<T>): Promise<T> {
  const { promise: overdue, reject } = Promise.withResolvers<never>();
  const timer = realSetTimeout(
    () => reject(new Error("not settled within a minute")),
    60_000,
  );
  try {
    return await Promise.race([promise, overdue]);
  } finally {
    realClearTimeout(timer);
  }
}
