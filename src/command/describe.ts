import { shortened } from "../outcome/message_text.ts";
import { shellQuote } from "../outcome/shell_quote.ts";
import { isLimitedPolicy } from "./output_buffer.ts";
import type { CommandSpec } from "./spec.ts";

/** The maximum length of the command line, in characters. */
const LONGEST_LINE = 500;

/**
 * Formats a command as one line: its command line, and each setting that differs from the
 * default. The names of variables are shown, their values are not.
 */
export function describeCommand(spec: CommandSpec): string {
  const words = [spec.program, ...spec.args.slice(0, 100)];
  const details = detailsOf(spec);
  const line = shortened(shellQuote(words), LONGEST_LINE);
  return details.length === 0 ? line : `${line} (${details.join("; ")})`;
}

function detailsOf(spec: CommandSpec): string[] {
  const set = namesWith(spec, (value) => value !== null);
  const removed = namesWith(spec, (value) => value === null);
  const { stdin, stdout, stderr, okCodes, outputBuffer } = spec;
  const details: (string | false)[] = [
    spec.cwd !== null && `in ${spec.cwd}`,
    set.length > 0 && `sets ${set.join(", ")}`,
    removed.length > 0 && `removes ${removed.join(", ")}`,
    spec.envCleared &&
    (spec.envInherited.length > 0
      ? `inherits ${spec.envInherited.join(", ")} alone`
      : "inherits no variable"),
    stdin === "inherit" ? "stdin inherited" : !stdin.isEmpty && "with stdin",
    spec.keepStdinOpen && "stdin stays open",
    stdout !== "piped" && `stdout to ${targetOf(stdout)}`,
    stderr !== "piped" && `stderr to ${targetOf(stderr)}`,
    (okCodes.length !== 1 || okCodes[0] !== 0) &&
    `ok codes ${okCodes.join(", ")}`,
    spec.timeout !== null && `timeout ${spec.timeout} ms`,
    spec.timeoutGrace > 0 &&
    `${spec.timeoutSignal}, grace ${spec.timeoutGrace} ms`,
    spec.retry !== null && `up to ${spec.retry.attempts} attempts`,
    isLimitedPolicy(outputBuffer) && `keeps ${limitsOf(outputBuffer)}`,
    spec.foreground && "in the foreground",
  ];
  return details.filter((detail) => detail !== false);
}

function namesWith(
  { envs }: CommandSpec,
  accepts: (value: string | null) => boolean,
): string[] {
  return [...envs].filter(([, value]) => accepts(value)).map(([name]) => name);
}

function targetOf(stream: CommandSpec["stdout"]): string {
  return typeof stream === "string" ? stream : `file ${stream.path}`;
}

function limitsOf(
  { maxLines, maxBytes }: CommandSpec["outputBuffer"],
): string {
  return [
    maxLines < Infinity ? `${maxLines} lines` : "",
    maxBytes < Infinity ? `${maxBytes} bytes` : "",
  ].filter((part) => part !== "").join(" and ");
}
