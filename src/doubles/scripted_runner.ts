import { counted } from "../outcome/inspect.ts";
import { checkFunction, shownValue } from "../command/checks.ts";
import { type Command, specOf } from "../command/command.ts";
import type { CommandSpec } from "../command/spec.ts";
import { claimStdin, stdinSourceOf } from "../command/stdin.ts";
import { SpawnError } from "../outcome/errors.ts";
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

interface Rule {
  readonly matches: (command: Command) => boolean;
  /** At least one; the last one repeats. */
  readonly replies: readonly Reply[];
  used: number;
}

/** What a run begins with, when nothing has refused it. */
interface Beginning {
  readonly spec: CommandSpec;
  readonly content: ReplyContent;
  readonly stdinReader: StdinReader | null;
}

/**
 * A runner that starts nothing and answers from a script.
 *
 * The rules are tried in the order in which they were added, and the first that
 * matches answers. A run that no rule matches, and no {@linkcode ScriptedRunner.fallback}
 * catches, rejects with a `SpawnError` that says so.
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

  /** Answers every command that starts with this program and these arguments, compared element by element. */
  on(prefix: readonly string[], reply: Reply): this {
    return this.#addPrefix("on", prefix, [reply]);
  }

  /**
   * Answers such commands with one reply after the other; the last one repeats.
   *
   * @throws {TypeError} if there is no program in the prefix, or no reply
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

  /** Answers every command for which the predicate is true; `command.invocation` tells what it asks for. */
  when(predicate: (command: Command) => boolean, reply: Reply): this {
    checkFunction("when: the predicate", predicate);
    return this.#add("when", predicate, [reply]);
  }

  /** Answers every command that no rule matches. */
  fallback(reply: Reply): this {
    this.#fallback = checkReply("fallback", reply);
    return this;
  }

  /** Answers from the script; see {@linkcode ProcessRunner.outputString}. */
  override async outputString(
    command: Command,
  ): Promise<ProcessResult<string>> {
    checkRunnerArity("outputString", arguments);
    const { spec, content, stdinReader } = await this.#begin(command);
    return await playSimulatedRun(spec, content, stdinReader);
  }

  /** Answers from the script, by a process that is none; see {@linkcode ProcessRunner.start}. */
  override async start(command: Command): Promise<RunningProcess> {
    checkRunnerArity("start", arguments);
    const { spec, content, stdinReader } = await this.#begin(command);
    return await processOf(
      startSimulatedRun(spec, content, "live", stdinReader),
    );
  }

  /** Answers from the script, with stdout as UTF-8; see {@linkcode ProcessRunner.outputBytes}. */
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

  /** The runner and how many rules it has, in one line. */
  override toString(): string {
    return `ScriptedRunner { ${counted(this.#rules.length, "rule")}${
      this.#fallback === null ? "" : " and a fallback"
    } }`;
  }

  async #begin(command: Command): Promise<Beginning> {
    const spec = specOf(command);
    throwIfCancelled(spec);
    const content = contentOf(this.#replyTo(command));
    if (content.failure !== null) throw content.failure(spec.program);
    if (spec.stdin === "inherit") return { spec, content, stdinReader: null };
    const source = stdinSourceOf(spec.stdin);
    claimStdin(source, spec.program);
    // Only who answers its input reads it.
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
      `no scripted reply matches \`${command.commandLine()}\`: add one with on, when or fallback`,
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
