import type { Outcome } from "../outcome/outcome.ts";
import { BatchQueue } from "../output/batch_queue.ts";
import { failureOf } from "./line_reader.ts";
import type { Run } from "./run.ts";

/** What happens in a live process: its start, its lines, and how it ended. */
export type ProcessEvent =
  | { readonly kind: "started"; readonly pid: number | null }
  | { readonly kind: "stdout"; readonly line: string }
  | { readonly kind: "stderr"; readonly line: string }
  | { readonly kind: "exited"; readonly outcome: Outcome };

interface Batch {
  readonly kind: "stdout" | "stderr";
  readonly lines: readonly string[];
}

/** The events of a run, at the pace of whoever reads them. Takes its stdout at once. */
export function eventsOf(run: Run): AsyncIterableIterator<ProcessEvent> {
  const queue = new BatchQueue<Batch>();
  const batchOf = (kind: Batch["kind"]) => (lines: readonly string[]) => ({
    kind,
    lines,
  });
  run.stdout?.takeLines("events", queue, batchOf("stdout"));
  const unfollow = run.stderr?.followLines(queue, batchOf("stderr"));
  Promise.all([run.stdout?.finished, run.stderr?.finished]).then(
    () => queue.end(failureOf(run)),
    (error) => queue.end({ error }),
  );
  return read(run, queue, () => {
    unfollow?.();
    run.stdout?.giveUp();
    queue.abandon();
  });
}

async function* read(
  run: Run,
  queue: BatchQueue<Batch>,
  leave: () => void,
): AsyncGenerator<ProcessEvent, undefined> {
  let isRead = false;
  try {
    yield { kind: "started", pid: run.backend.pid };
    for (
      let batch = await queue.next();
      batch !== null;
      batch = await queue.next()
    ) {
      for (const line of batch.lines) {
        if (queue.isAbandoned) break;
        yield { kind: batch.kind, line };
      }
    }
    isRead = !queue.isAbandoned;
    if (isRead) run.want();
    await run.ended;
    const outcome = outcomeOf(run);
    if (outcome !== null) yield { kind: "exited", outcome };
  } finally {
    if (!isRead) leave();
  }
}

/** `null` for a run that failed: with what, is for `finish` to say. */
function outcomeOf(run: Run): Outcome | null {
  try {
    return run.outcome();
  } catch {
    return null;
  }
}
