import type { CommandSpec } from "../command/spec.ts";
import { stdinSourceOf } from "../command/stdin.ts";
import { UnsupportedError } from "../outcome/errors.ts";
import { stdinDigest } from "./digest.ts";

/** What a recorded run and a live command are matched on. */
export interface MatchFacts {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string | null;
  readonly hasStdin: boolean;
  readonly stdinDigest: bigint | null;
}

/** The facts as one text, equal exactly when all of them are. */
export function matchKey(facts: MatchFacts): string {
  // JSON keeps apart what any separator could run together: a file may hold any text.
  return JSON.stringify([
    facts.program,
    facts.cwd,
    facts.hasStdin,
    String(facts.stdinDigest),
    ...facts.args,
  ]);
}

/**
 * The facts of a command, with every text well-formed as in the file.
 *
 * @throws {UnsupportedError} if its input cannot be known beforehand, or its output is not captured
 */
export function matchFactsOf(spec: CommandSpec): MatchFacts {
  const { program, stdin, stdout, stderr } = spec;
  if (spec.link !== null) {
    throw new UnsupportedError(
      "a pipeline with a cassette",
      "its stages feed each other while they run; run each stage on its own, with outputString, and feed the next " +
        "with Stdin.fromString(result.stdout)",
      { program },
    );
  }
  if (spec.foreground) {
    throw new UnsupportedError(
      "a foreground run with a cassette",
      'what the user types cannot be known; run it without foreground(), with stdin("…") or Stdin.fromFile',
      { program },
    );
  }
  if (stdin === "inherit") {
    throw new UnsupportedError(
      "an inherited stdin with a cassette",
      'what will be typed cannot be known; give the input with stdin("…") or Stdin.fromFile',
      { program },
    );
  }
  if (typeof stdout !== "string" || typeof stderr !== "string") {
    throw new UnsupportedError(
      "output to a file with a cassette",
      "what the file gets is not captured; leave it piped, and write it to the file yourself",
      { program },
    );
  }
  if (stdin.isOneShot) {
    throw new UnsupportedError(
      "a streaming stdin with a cassette",
      "what it will give cannot be known; collect it first and use Stdin.fromBytes, Stdin.fromLines or Stdin.fromFile",
      { program },
    );
  }
  return {
    program: program.toWellFormed(),
    args: spec.args.map((arg) => arg.toWellFormed()),
    cwd: spec.cwd?.toWellFormed() ?? null,
    hasStdin: !stdin.isEmpty,
    stdinDigest: stdinDigest(stdinSourceOf(stdin)),
  };
}
