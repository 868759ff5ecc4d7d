import type { Child, Runtime } from "../runtime/runtime.ts";
import { ChildTree } from "./child_tree.ts";

/**
 * The tree of a child on Windows, ended by `taskkill`. Written from its
 * documentation: nobody has seen it work.
 *
 * Windows has no signals to be sent and nothing to suspend a tree by: whatever is
 * to end a tree ends it at once.
 */
export class TaskkillTree extends ChildTree {
  readonly #host: Runtime;
  readonly #pid: number;

  /** The tree of `child`. */
  constructor(host: Runtime, child: Child) {
    super(child);
    this.#host = host;
    this.#pid = child.pid;
  }

  override signal(): void {
    this.kill();
  }

  override suspend(): void {}

  override resume(): void {}

  override kill(): void {
    // Its number may be another's by now.
    if (this.isEmpty()) return;
    try {
      const taskkill = this.#host.spawn({
        program: "taskkill",
        args: ["/T", "/F", "/PID", String(this.#pid)],
        cwd: null,
        envs: new Map(),
        envCleared: false,
        envInherited: [],
        stdin: "null",
        stdout: "null",
        stderr: "null",
        ownGroup: false,
      });
      taskkill.unref();
    } catch {
      // It is not there, or may not be run: then there is the child alone.
      super.kill();
    }
  }
}
