import { checkMilliseconds } from "../command/checks.ts";
import { NotFoundError, SpawnError } from "../outcome/errors.ts";
import { exited, signalled, timedOut } from "../outcome/outcome.ts";
import { SILENT_SUCCESS, type SimulatedRun } from "../runner/simulated_run.ts";

/** What a {@linkcode Reply} holds: a run, or the error that stands in its place. */
export interface ReplyContent extends SimulatedRun {
  readonly failure: ((program: string) => Error) | null;
}

/** Reads what only a scripted runner needs to know; set by {@linkcode Reply} itself. */
export let contentOf: (reply: Reply) => ReplyContent;

/**
 * What a scripted run answers. Immutable: every `with…` returns a new one.
 *
 * @example
 * ```ts
 * import { Command, Reply, ScriptedRunner } from "@processkit/processkit";
 *
 * const runner = new ScriptedRunner()
 *   .on(["git", "rev-parse"], Reply.ok("2f1c\n"))
 *   .on(["git", "push"], Reply.fail(128, "fatal: no remote\n"));
 * console.log(await runner.run(new Command("git", ["rev-parse", "HEAD"]))); // "2f1c"
 * ```
 */
export class Reply {
  static {
    contentOf = (reply) => reply.#content;
  }

  readonly #content: ReplyContent;

  private constructor(content: Partial<ReplyContent>) {
    this.#content = Object.freeze({
      ...SILENT_SUCCESS,
      failure: null,
      ...content,
    });
    Object.freeze(this);
  }

  /** Exit code 0, with this stdout. */
  static ok(stdout: string = ""): Reply {
    return new Reply({ stdout });
  }

  /** This exit code, with this stderr. */
  static fail(code: number, stderr: string = ""): Reply {
    if ((code | 0) !== code) {
      throw new RangeError(
        `Reply.fail: expected a 32-bit integer, got ${code}`,
      );
    }
    return new Reply({ stderr, outcome: exited(code) });
  }

  /** Exit code 0, with these lines on stdout, each with a `"\n"` after it. */
  static lines(lines: Iterable<string>): Reply {
    return new Reply({
      stdout: Array.from(lines, (line) => `${line}\n`).join(""),
    });
  }

  /** A run that reached its deadline; at once, whatever deadline the command has. */
  static timeout(): Reply {
    return new Reply({ outcome: timedOut() });
  }

  /** A run that a signal ended; `null` when its number is unknown. */
  static signalled(signal: number | null): Reply {
    return new Reply({ outcome: signalled(signal) });
  }

  /**
   * Exit code 0, after a conversation: it prints `prompt`, and then for each line
   * that is written to its stdin what `answer` returns, verbatim. It ends when that is
   * `null`, or with its input. What `answer` throws is what the run rejects with.
   *
   * @example
   * ```ts
   * import { Command, Reply, ScriptedRunner } from "@processkit/processkit";
   *
   * const login = Reply.dialogue(
   *   "Password: ",
   *   (line) => line === "secret" ? "welcome\n" : "wrong\nPassword: ",
   * );
   * const runner = new ScriptedRunner().on(["login"], login);
   * await using process = await runner.start(new Command("login").keepStdinOpen());
   * const stdin = process.takeStdin()!;
   * await process.waitForOutput((text) => text === "Password: ", 1000);
   * await stdin.writeLine("secret");
   * console.log(await process.waitForLine(() => true, 1000)); // welcome
   * ```
   */
  static dialogue(
    prompt: string,
    answer: (line: string) => string | null,
  ): Reply {
    return new Reply({ stdout: prompt, answer });
  }

  /** A run that goes on until the command's deadline or abort signal, or who started it, ends it. */
  static pending(): Reply {
    return new Reply({ outcome: null });
  }

  /** A program that is not there: the run rejects with `NotFoundError`. */
  static notFound(): Reply {
    return new Reply({ failure: (program) => new NotFoundError(program) });
  }

  /** A program that cannot be started: the run rejects with `SpawnError`. */
  static spawnError(message: string): Reply {
    return new Reply({
      failure: (program) => new SpawnError(program, message),
    });
  }

  /** The same reply with this stdout. */
  withStdout(text: string): Reply {
    return new Reply({ ...this.#content, stdout: text });
  }

  /** The same reply with this stderr. */
  withStderr(text: string): Reply {
    return new Reply({ ...this.#content, stderr: text });
  }

  /**
   * The same reply with `ms` milliseconds before every line of stdout.
   *
   * @throws {RangeError} if `ms` is negative or no number
   */
  withLineDelay(ms: number): Reply {
    checkMilliseconds("withLineDelay", ms);
    return new Reply({ ...this.#content, lineDelay: ms });
  }
}
