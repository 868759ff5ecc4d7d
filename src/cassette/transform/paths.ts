import { checkBoolean, checkOptions } from "../../command/checks.ts";
import { runtime } from "../../runtime/detect.ts";
import type { HostEnvironment } from "../../runtime/runtime.ts";
import type { Placeholder } from "./placeholders.ts";

/** The folders that {@linkcode paths} replaces. At least one must be true. */
export interface PathsOptions {
  /**
   * Whether to replace the working directory of the current process with `<CWD>`.
   *
   * @default {false}
   */
  cwd?: boolean;
  /**
   * Whether to replace the user's home directory with `<HOME>`.
   *
   * @default {false}
   */
  home?: boolean;
  /**
   * Whether to replace the folder for temporary files with `<TMP>`.
   *
   * @default {false}
   */
  tmp?: boolean;
}

type FolderName = Parameters<HostEnvironment["folder"]>[0];

const PLACEHOLDER_NAMES: Readonly<Record<FolderName, string>> = {
  cwd: "CWD",
  home: "HOME",
  tmp: "TMP",
};

/**
 * Returns the placeholders of a normalizer. Assigned by {@linkcode PathNormalizer}, whose
 * folders are private.
 *
 * @throws {UnsupportedError} if a folder cannot be determined without a permission
 */
export let placeholdersOfPaths: (normalizer: PathNormalizer) => Placeholder[];

/** Replaces folders that differ between machines. Created by {@linkcode paths}. */
export class PathNormalizer {
  static {
    placeholdersOfPaths = (normalizer) =>
      normalizer.#folders.map((folder) => ({
        name: PLACEHOLDER_NAMES[folder],
        text: withoutTrailingSlash(runtime().environment.folder(folder)),
        isFolder: true,
      }));
  }

  readonly #folders: readonly FolderName[];

  /** Creates a normalizer for {@linkcode paths}. Use that function instead. */
  constructor(folders: readonly ("cwd" | "home" | "tmp")[]) {
    this.#folders = folders;
  }
}

/**
 * Replaces the folders of this machine with placeholders in a cassette. Pass the result as
 * the option `normalize`.
 *
 * The placeholders `<CWD>`, `<HOME>` and `<TMP>` are used in the program, the arguments,
 * the working directory, stdin (text or the path of a file), stdout and stderr. A replay
 * restores them to the folders of the machine on which it runs. If one folder contains
 * another, the inner one is replaced first.
 *
 * On Deno, `home` needs `--allow-env=HOME` and `tmp` needs `--allow-env=TMPDIR`, for a
 * replay too. Without the permission, opening the cassette throws an `UnsupportedError`.
 *
 * @throws {TypeError} if no folder is chosen, or an option is unknown or not a boolean
 *
 * @example
 * ```ts
 * import { Command, paths, RecordReplayRunner } from "@processkit/processkit";
 *
 * const runner = RecordReplayRunner.record("/tmp/pwd.json", undefined, {
 *   normalize: paths({ cwd: true, tmp: true }),
 * });
 * console.log(await runner.run(new Command("pwd"))); // such as /home/me/project; the file has <CWD>
 * runner.discard();
 * ```
 */
export function paths(options: PathsOptions): PathNormalizer {
  checkOptions("paths", options, PLACEHOLDER_NAMES);
  const names = Object.keys(PLACEHOLDER_NAMES) as FolderName[];
  const folders = names.filter((name) =>
    checkBoolean(`paths: ${name}`, options[name] ?? false)
  );
  if (folders.length === 0) {
    throw new TypeError(
      "paths: expected at least one of { cwd: true, home: true, tmp: true }",
    );
  }
  return new PathNormalizer(folders);
}

function withoutTrailingSlash(path: string): string {
  return path.replace(/[/\\]+$/, "");
}
