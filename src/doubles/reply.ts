import { checkMilliseconds } from "../command/checks.ts";
import { NotFoundError, SpawnError } from "../outcome/errors.ts";
import { exited, signalled, timedOut } from "../outcome/outcome.ts";
import { SILENT_SUCCESS, type SimulatedRun } from "../runner/simulated_run.ts";

/** The content of a {@linkcode Reply}: a simulated run, or the error with which the run rejects. */
export interface ReplyContent extends SimulatedRun {
  readonly failure: ((program: string) => Error) | null;
}

/** Returns the content of a reply. Assigned in the static block of {@linkcode Reply}, which can read private fields. */
export let contentOf: (reply: Reply) => ReplyContent;

/**
 * Describes the outcome and the output of a scripted run. A reply is immutable: the `with…`
 * methods return a new one.
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

  /** Creates a reply with exit code 0 and this stdout. */
  static ok(stdout: string = ""): Reply {
    return new Reply({ stdout });
  }

  /**
   * Creates a reply with this exit code and this stderr.
   *
   * @throws {RangeError} if `code` is not a 32-bit integer
   */
  static fail(code: number, stderr: string = ""): Reply {
    if ((code | 0) !== code) {
      throw new RangeError(
        `Reply.fail: expected the exit code as a 32-bit integer, got ${code}`,
      );
    }
    return new Reply({ stderr, outcome: exited(code) });
  }

  /** Creates a reply with exit code 0 and these lines on stdout. `"\n"` is added to each. */
  static lines(lines: Iterable<string>): Reply {
    return new Reply({
      stdout: Array.from(lines, (line) => `${line}\n`).join(""),
    });
  }

  /** Creates a reply of a run that times out at once, whatever the timeout of the command. */
  static timeout(): Reply {
    return new Reply({ outcome: timedOut() });
  }

  /** Creates a reply of a run that was killed by this signal number; `null` means an unknown signal. */
  static signalled(signal: number | null): Reply {
    return new Reply({ outcome: signalled(signal) });
  }

  /**
   * Creates a reply for an interactive program. The run prints `prompt`. For each line that
   * is written to its stdin, it calls `answer` and prints the returned text unchanged. It
   * exits with code 0 when `answer` returns `null` or stdin is closed. If `answer` throws,
   * the run rejects with that error.
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
   * await using session = await runner.start(new Command("login").keepStdinOpen());
   * const stdin = session.takeStdin()!;
   * await session.waitForOutput("Password: ");
   * await stdin.writeLine("secret");
   * console.log(await session.waitForLine("welcome")); // welcome
   * ```
   */
  static dialogue(
    prompt: string,
    answer: (line: string) => string | null,
  ): Reply {
    return new Reply({ stdout: prompt, answer });
  }

  /** Creates a reply of a run that continues until the timeout, an abort signal or the caller ends it. */
  static pending(): Reply {
    return new Reply({ outcome: null });
  }

  /** Creates a reply for a program that does not exist: the run rejects with a `NotFoundError`. */
  static notFound(): Reply {
    return new Reply({ failure: (program) => new NotFoundError(program) });
  }

  /** Creates a reply for a program that cannot be started: the run rejects with a `SpawnError`. */
  static spawnError(message: string): Reply {
    return new Reply({
      failure: (program) => new SpawnError(program, message),
    });
  }

  /** Returns the reply with this stdout. */
  withStdout(text: string): Reply {
    return new Reply({ ...this.#content, stdout: text });
  }

  /** Returns the reply with this stderr. */
  withStderr(text: string): Reply {
    return new Reply({ ...this.#content, stderr: text });
  }

  /**
   * Returns the reply with a delay of `ms` milliseconds before each line of stdout.
   *
   * @throws {RangeError} if `ms` is negative, not a number, or more than 2,147,483,647
   */
  withLineDelay(ms: number): Reply {
    checkMilliseconds("withLineDelay", ms);
    return new Reply({ ...this.#content, lineDelay: ms });
  }
}
