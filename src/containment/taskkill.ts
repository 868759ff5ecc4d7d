import type { Child, Runtime } from "../runtime/runtime.ts";
import { ChildTree } from "./child_tree.ts";

/**
 * The tree of a child on Windows, which `taskkill` kills. Written from the documentation of
 * `taskkill` and not tested on Windows.
 *
 * Windows has no signals and cannot suspend a tree, so every signal kills the tree at once.
 */
export class TaskkillTree extends ChildTree {
  readonly #host: Runtime;
  readonly #pid: number;

  /** Makes the tree of `child`. */
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
    // The number of an exited child may belong to another process.
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
      // Without `taskkill`, or the permission to run it, only the child can be killed.
      super.kill();
    }
  }
}
