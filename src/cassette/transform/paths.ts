import { checkBoolean, checkOptions } from "../../command/checks.ts";
import { runtime } from "../../runtime/detect.ts";
import type { HostEnvironment } from "../../runtime/runtime.ts";
import type { Placeholder } from "./placeholders.ts";

/** Which folders {@linkcode paths} is about. */
export interface PathsOptions {
  /**
   * The program's own working directory, which becomes `<CWD>`.
   *
   * @default {false}
   */
  cwd?: boolean;
  /**
   * The user's home, which becomes `<HOME>`.
   *
   * @default {false}
   */
  home?: boolean;
  /**
   * Where temporary files go, which becomes `<TMP>`.
   *
   * @default {false}
   */
  tmp?: boolean;
}

type Which = Parameters<HostEnvironment["folder"]>[0];

const NAMES: Readonly<Record<Which, string>> = {
  cwd: "CWD",
  home: "HOME",
  tmp: "TMP",
};

/** Reads what only a cassette needs to know; set by {@linkcode PathNormalizer} itself. */
export let placeholdersOfPaths: (normalizer: PathNormalizer) => Placeholder[];

/** Folders that differ from one machine to the next; made by {@linkcode paths}. */
export class PathNormalizer {
  static {
    placeholdersOfPaths = (normalizer) =>
      normalizer.#which.map((which) => ({
        name: NAMES[which],
        text: withoutEnd(runtime().environment.folder(which)),
        isFolder: true,
      }));
  }

  readonly #which: readonly Which[];

  /** Use {@linkcode paths}. */
  constructor(which: readonly ("cwd" | "home" | "tmp")[]) {
    this.#which = which;
  }
}

/**
 * For `normalize`: has `<CWD>`, `<HOME>` and `<TMP>` stand for the folders of this
 * machine in a cassette, in arguments, the working directory, the path of a stdin file
 * and both outputs; a replay gets those of its own machine. A folder within another
 * goes first.
 *
 * On Deno `home` needs `--allow-env=HOME` and `tmp` needs `--allow-env=TMPDIR`, also
 * for a replay; without them the cassette is not opened, with an `UnsupportedError`.
 *
 * @throws {TypeError} if it is told no folder, or one of another name
 *
 * @example
 * ```ts
 * import { Command, paths, RecordReplayRunner } from "@processkit/processkit";
 *
 * const runner = RecordReplayRunner.record("/tmp/pwd.json", undefined, {
 *   normalize: paths({ cwd: true, tmp: true }),
 * });
 * console.log(await runner.run(new Command("pwd"))); // such as /home/me/project, and in the file <CWD>
 * runner.discard();
 * ```
 */
export function paths(options: PathsOptions): PathNormalizer {
  checkOptions("paths", options, NAMES);
  const which = (Object.keys(NAMES) as Which[]).filter((name) =>
    checkBoolean(`paths: ${name}`, options[name] ?? false)
  );
  if (which.length === 0) {
    throw new TypeError(
      "paths: expected at least one of { cwd: true, home: true, tmp: true }",
    );
  }
  return new PathNormalizer(which);
}

function withoutEnd(path: string): string {
  return path.replace(/[/\\]+$/, "");
}
