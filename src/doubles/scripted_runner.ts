import { checkFunction, shownValue } from "../command/checks.ts";
import { type Command, specOf } from "../command/command.ts";
import type { CommandSpec } from "../command/spec.ts";
import { claimStdin, stdinSourceOf } from "../command/stdin.ts";
import { SpawnError } from "../outcome/errors.ts";
import { counted } from "../outcome/inspect.ts";
import {
  handlerFailuresOf,
  ProcessResult,
  setHandlerFailures,
} from "../outcome/result.ts";
import {
  playSimulatedRun,
  startSimulatedRun,
} from "../runner/play_simulated_run.ts";
import { checkRunnerArity, ProcessRunner } from "../runner/process_runner.ts";
import { throwIfCancelled } from "../runner/run_limits.ts";
import { processOf, type RunningProcess } from "../runner/running_process.ts";
import { openStdin, type StdinReader } from "../runner/stdin_reader.ts";
import { contentOf, Reply, type ReplyContent } from "./reply.ts";

/** The replies for the commands that match. */
interface Rule {
  readonly matches: (command: Command) => boolean;
  /** At least one. The last one repeats. */
  readonly replies: readonly Reply[];
  /** The number of commands that were answered. */
  used: number;
}

/** What {@linkcode ScriptedRunner} needs to start a run. */
interface ScriptedStart {
  readonly spec: CommandSpec;
  readonly content: ReplyContent;
  readonly stdinReader: StdinReader | null;
}

/**
 * Starts no process, and answers each command by a scripted {@linkcode Reply}.
 *
 * The rules are tried in the order in which they were added, and the first rule that
 * matches the command supplies the reply. If none matches and there is no
 * {@linkcode ScriptedRunner.fallback}, the run rejects with a `SpawnError`.
 *
 * @example
 * ```ts
 * import { Command, Reply, ScriptedRunner } from "@processkit/processkit";
 *
 * const runner = new ScriptedRunner()
 *   .onSequence(["flaky"], [Reply.fail(1), Reply.ok("done\n")])
 *   .fallback(Reply.notFound());
 * const flaky = new Command("flaky").retry({ attempts: 2, when: () => true });
 * console.log(await runner.run(flaky)); // "done"
 * ```
 */
export class ScriptedRunner extends ProcessRunner {
  readonly #rules: Rule[] = [];
  #fallback: Reply | null = null;

  /**
   * Adds a rule for every command whose program and first arguments equal `prefix`.
   *
   * @throws {TypeError} if `prefix` is not an array of at least one string, or `reply` is not a `Reply`
   */
  on(prefix: readonly string[], reply: Reply): this {
    return this.#addPrefix("on", prefix, [reply]);
  }

  /**
   * Adds a rule like {@linkcode ScriptedRunner.on} with one reply for each run, in order. The
   * last reply repeats.
   *
   * @throws {TypeError} if `prefix` is not an array of at least one string, or `replies` is not an array of at least one `Reply`
   */
  onSequence(prefix: readonly string[], replies: readonly Reply[]): this {
    if (!Array.isArray(replies) || replies.length === 0) {
      throw new TypeError(
        `onSequence: expected an array of at least one Reply, got ${
          shownValue(replies)
        }`,
      );
    }
    return this.#addPrefix("onSequence", prefix, replies);
  }

  /**
   * Adds a rule for every command for which `predicate` returns `true`. The predicate can
   * read the arguments and the variables from `command.invocation`.
   *
   * @throws {TypeError} if `predicate` is not a function, or `reply` is not a `Reply`
   */
  when(predicate: (command: Command) => boolean, reply: Reply): this {
    checkFunction("when: the predicate", predicate);
    return this.#add("when", predicate, [reply]);
  }

  /**
   * Sets the reply for every command that no rule matches.
   *
   * @throws {TypeError} if `reply` is not a `Reply`
   */
  fallback(reply: Reply): this {
    this.#fallback = checkReply("fallback", reply);
    return this;
  }

  /** Returns the result of the scripted reply; see {@linkcode ProcessRunner.outputString}. */
  override async outputString(
    command: Command,
  ): Promise<ProcessResult<string>> {
    checkRunnerArity("outputString", arguments);
    const { spec, content, stdinReader } = await this.#prepare(command);
    return await playSimulatedRun(spec, content, stdinReader);
  }

  /** Returns a simulated process for the scripted reply; its `pid` is `null`. See {@linkcode ProcessRunner.start}. */
  override async start(command: Command): Promise<RunningProcess> {
    checkRunnerArity("start", arguments);
    const { spec, content, stdinReader } = await this.#prepare(command);
    return await processOf(
      startSimulatedRun(spec, content, "live", stdinReader),
    );
  }

  /** Returns the result of the scripted reply with stdout encoded as UTF-8; see {@linkcode ProcessRunner.outputBytes}. */
  override async outputBytes(
    command: Command,
  ): Promise<ProcessResult<Uint8Array>> {
    checkRunnerArity("outputBytes", arguments);
    const result = await this.outputString(command);
    const bytes = new ProcessResult({
      ...result,
      args: specOf(command).args,
      stdout: new TextEncoder().encode(result.stdout),
      handlerErrors: result.handlerErrors(),
    });
    setHandlerFailures(bytes, handlerFailuresOf(result));
    return await bytes;
  }

  /** Returns one line: the class, the number of rules, and whether there is a fallback. */
  override toString(): string {
    return `ScriptedRunner { ${counted(this.#rules.length, "rule")}${
      this.#fallback === null ? "" : " and a fallback"
    } }`;
  }

  async #prepare(command: Command): Promise<ScriptedStart> {
    const spec = specOf(command);
    throwIfCancelled(spec);
    const content = contentOf(this.#replyTo(command));
    if (content.failure !== null) throw content.failure(spec.program);
    if (spec.stdin === "inherit") return { spec, content, stdinReader: null };
    const source = stdinSourceOf(spec.stdin);
    claimStdin(source, spec.program);
    // Only a dialogue reads its stdin.
    const stdinReader = content.answer === null
      ? null
      : await openStdin(source, spec.program);
    return { spec, content, stdinReader };
  }

  #addPrefix(
    method: string,
    prefix: readonly string[],
    replies: readonly Reply[],
  ): this {
    const isPrefix = Array.isArray(prefix) && prefix.length > 0 &&
      prefix.every((word) => typeof word === "string");
    if (!isPrefix) {
      throw new TypeError(
        `${method}: expected the program and the first arguments as an array of strings, got ${
          shownValue(prefix)
        }`,
      );
    }
    const words = [...prefix];
    return this.#add(method, (command) => startsWith(command, words), replies);
  }

  #add(
    method: string,
    matches: (command: Command) => boolean,
    replies: readonly Reply[],
  ): this {
    const checked = replies.map((reply) => checkReply(method, reply));
    this.#rules.push({ matches, replies: checked, used: 0 });
    return this;
  }

  #replyTo(command: Command): Reply {
    const rule = this.#rules.find((rule) => rule.matches(command));
    if (rule !== undefined) {
      return rule.replies[Math.min(rule.used++, rule.replies.length - 1)];
    }
    if (this.#fallback !== null) return this.#fallback;
    throw new SpawnError(
      specOf(command).program,
      `no scripted reply matches \`${command.commandLine()}\`; add one with on, when or fallback`,
    );
  }
}

function checkReply(method: string, reply: unknown): Reply {
  if (reply instanceof Reply) return reply;
  throw new TypeError(
    `${method}: expected a Reply, such as Reply.ok("output"), got ${
      shownValue(reply)
    }`,
  );
}

function startsWith(command: Command, prefix: readonly string[]): boolean {
  const { program, args } = specOf(command);
  return prefix.length <= args.length + 1 &&
    prefix.every((word, index) =>
      word === (index === 0 ? program : args[index - 1])
    );
}
