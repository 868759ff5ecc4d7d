import { shellQuote } from "../../outcome/shell_quote.ts";
import {
  CassetteError,
  CassetteMissError,
  type NearRecording,
} from "../../outcome/cassette_errors.ts";
import { shortened } from "../../outcome/message_text.ts";
import type { CassetteEntry } from "../format/entry.ts";
import {
  type MatchFacts,
  matchKey,
  type MatchRules,
  variableDigestIn,
} from "./key.ts";
import type { Lookup, Playback } from "./playback.ts";

/** How many recordings a miss tells of. */
const NEAREST = 3;
/** How many arguments that differ are named. */
const MOST_DIFFERENCES = 3;
/** How much of a text is shown, in characters. */
const LONGEST_SHOWN = 60;
/** How many recordings that were not played are named. */
const MOST_UNPLAYED = 10;
/** How many arguments are looked at. */
const MOST_ARGUMENTS = 64;

/** How far one recording is from what is asked, and in what. */
interface Distance {
  readonly index: number;
  readonly distance: number;
}

/** How the reader of a miss can record again, which depends on how the cassette was opened. */
export interface RecordingAdvice {
  /** Completes the sentence "To add it, …". */
  readonly add: string;
  /** Completes the sentence "To record all of it again, …". */
  readonly all: string;
}

/** For a cassette that was opened by `open` or `replay`. */
export const DEFAULT_ADVICE: RecordingAdvice = Object.freeze({
  add: 'open the cassette with mode "new-episodes"',
  all: 'open it with mode "record"',
});

/** What a miss is about. */
export interface MissContext {
  readonly path: string;
  readonly playback: Playback;
  readonly rules: MatchRules;
  /** The variables whose values the cassette's `redact` replaces. */
  readonly redactedVariables: readonly string[];
  readonly advice: RecordingAdvice;
}

/** The error for a command that the cassette has no run for now, and why. */
export function missError(
  { path, playback, rules, redactedVariables, advice }: MissContext,
  facts: MatchFacts,
  found: Exclude<Lookup, { kind: "run" }>,
): CassetteMissError {
  const asked = describe(facts);
  const { program } = facts;
  const { add, all } = advice;
  switch (found.kind) {
    case "unknown": {
      const nearest = nearestOf(playback.entries, facts, rules);
      return new CassetteMissError(program, path, asked, {
        nearest,
        advice: [
          ...redactionAdvice(nearest, redactedVariables),
          `To add it, ${add}. To record all of it again, ${all}.`,
        ],
      });
    }
    case "text-only":
      return new CassetteMissError(program, path, asked, {
        reason: "text-only",
        problem: "has the text, and not the bytes, of",
        advice: [`To record its bytes, use outputBytes, and ${all}.`],
      });
    case "exhausted":
      return new CassetteMissError(program, path, asked, {
        reason: "exhausted",
        problem: `has played all ${found.count} of its recordings of`,
        advice: [
          `To record it again, ${all}. repeat: "last" plays the last run again and again.`,
        ],
      });
    case "out-of-turn":
      return new CassetteMissError(program, path, asked, {
        reason: "out-of-turn",
        problem: found.due === null
          ? "has been played to its end, and had no turn left for"
          : "is played in the strict order of its recording, and it is not the turn of",
        nearest: found.due === null
          ? []
          : [near(playback.entries[found.due], found.due, facts, rules, "due")],
        advice: [
          `To record this order, ${all}. order: "any" plays the runs in any order.`,
        ],
      });
  }
}

/** A recorded `<env:NAME>` matches only if the cassette is opened with the `redactEnv` that put it there. */
function redactionAdvice(
  nearest: readonly NearRecording[],
  redactedVariables: readonly string[],
): string[] {
  const names = new Set<string>();
  for (const { program, args, cwd } of nearest) {
    for (const text of [program, ...args, cwd ?? ""]) {
      for (const [, name] of text.matchAll(/<env:([^<>\\]+)(?:\\\d+)?>/g)) {
        names.add(name);
      }
    }
  }
  const missing = [...names].filter((name) =>
    !redactedVariables.includes(name)
  );
  const unset = [...names].filter((name) => redactedVariables.includes(name));
  const lines: string[] = [];
  if (missing.length > 0) {
    lines.push(
      `The recording has ${
        missing.map((name) => `<env:${name}>`).join(", ")
      } in place of a value: open the cassette with redact: redactEnv(${
        JSON.stringify(missing)
      }).`,
    );
  }
  if (unset.length > 0) {
    lines.push(
      `The recording has ${
        unset.map((name) => `<env:${name}>`).join(", ")
      } in place of a value: set ${
        unset.join(", ")
      } with env on the command, to the value that it was replaced for.`,
    );
  }
  return lines;
}

/** The error for recordings that were not played. */
export function unplayedError(
  path: string,
  entries: readonly CassetteEntry[],
  indexes: readonly number[],
): CassetteError {
  const shown = indexes.slice(0, MOST_UNPLAYED).map((index) =>
    `entries[${index}] \`${
      shortened(commandLineOf(entries[index]), LONGEST_SHOWN)
    }\``
  );
  const rest = indexes.length - shown.length;
  return new CassetteError(
    path,
    "unplayed",
    `${indexes.length} of its ${entries.length} recordings ${
      indexes.length === 1 ? "was" : "were"
    } not played: ${shown.join(", ")}${
      rest > 0 ? `, and ${rest} more` : ""
    }. ` +
      'If they are no longer needed, record it again with mode "record"',
  );
}

/** A recorded invocation in a few words, for messages. */
export function commandLineOf(
  { program, args }: Pick<CassetteEntry, "program" | "args">,
): string {
  return shellQuote([program, ...args.slice(0, MOST_ARGUMENTS)]);
}

function describe(facts: MatchFacts): string {
  const { cwd, hasStdin } = facts;
  const where = cwd === null
    ? "without a working directory"
    : `in ${shortened(cwd, 80)}`;
  // What else there is to say is to be seen, however long the words are.
  return `\`${shortened(commandLineOf(facts), 240)}\` ${where}, ${
    hasStdin ? "with this stdin" : "without stdin"
  }`;
}

function nearestOf(
  entries: readonly CassetteEntry[],
  facts: MatchFacts,
  rules: MatchRules,
): NearRecording[] {
  const nearest: Distance[] = [];
  const seen = new Set<string>();
  for (const [index, entry] of entries.entries()) {
    const distance = distanceOf(entry, facts, rules);
    const isFarther = distance >= (nearest[NEAREST - 1]?.distance ?? Infinity);
    if (isFarther) continue;
    // One invocation that was recorded several times is one.
    const identity = matchKey(entry, rules);
    if (seen.has(identity)) continue;
    seen.add(identity);
    nearest.push({ index, distance });
    nearest.sort((one, other) => one.distance - other.distance);
    nearest.length = Math.min(nearest.length, NEAREST);
  }
  return nearest.map(({ index }) => near(entries[index], index, facts, rules));
}

function near(
  entry: CassetteEntry,
  index: number,
  facts: MatchFacts,
  rules: MatchRules,
  note?: string,
): NearRecording {
  return Object.freeze({
    index,
    program: entry.program,
    args: entry.args,
    cwd: entry.cwd,
    hasStdin: entry.hasStdin,
    commandLine: commandLineOf(entry),
    differences: Object.freeze([
      ...(note === undefined ? [] : [note]),
      ...differencesOf(entry, facts, rules),
    ]),
  });
}

/** Another program is further away than other arguments, and those than another input. */
function distanceOf(
  entry: CassetteEntry,
  facts: MatchFacts,
  rules: MatchRules,
): number {
  const { recorded, asked } = middles(entry.args, facts.args);
  const arguments_ = recorded.length === asked.length
    ? recorded.filter((arg, at) => arg !== asked[at]).length
    : Math.max(recorded.length, asked.length);
  return (entry.program === facts.program ? 0 : 1000) + 4 * arguments_ +
    Number(rules.cwd && entry.cwd !== facts.cwd) +
    Number(isOtherStdin(entry, facts)) +
    rules.env.filter((name) => isOtherVariable(entry, facts, name)).length;
}

function differencesOf(
  entry: CassetteEntry,
  facts: MatchFacts,
  rules: MatchRules,
): string[] {
  const differences: string[] = [];
  if (entry.program !== facts.program) differences.push("the program");
  if (rules.cwd && entry.cwd !== facts.cwd) {
    differences.push(
      `the working directory: ${
        entry.cwd === null || facts.cwd === null
          ? `recorded ${place(entry.cwd)}, asked ${place(facts.cwd)}`
          : versus(entry.cwd, facts.cwd)
      }`,
    );
  }
  if (isOtherStdin(entry, facts)) {
    differences.push(stdinDifference(entry, facts));
  }
  for (const name of rules.env) {
    if (isOtherVariable(entry, facts, name)) {
      differences.push(
        `the variable ${name}: recorded ${state(entry, name)}, asked ${
          state(facts, name)
        }${
          state(entry, name) === state(facts, name) ? " to another value" : ""
        }`,
      );
    }
  }
  // Last, since there may be many of them.
  return [...differences, ...argumentDifferences(entry.args, facts.args)];
}

function argumentDifferences(
  ones: readonly string[],
  others: readonly string[],
): string[] {
  const { from, recorded, asked } = middles(ones, others);
  if (recorded.length === asked.length) {
    const differing = [...recorded.keys()].filter((at) =>
      recorded[at] !== asked[at]
    );
    const shown = differing.slice(0, MOST_DIFFERENCES).map((at) =>
      `args[${from + at}]: ${versus(recorded[at], asked[at])}`
    );
    const rest = differing.length - shown.length;
    return rest === 0 ? shown : [...shown, `and ${rest} more arguments`];
  }
  const where = `args[${from}]`;
  if (recorded.length === 0) return [`${where}: asked also ${list(asked)}`];
  if (asked.length === 0) return [`${where}: recorded also ${list(recorded)}`];
  return [`from ${where} on: recorded ${list(recorded)}, asked ${list(asked)}`];
}

/** What is left of both when what they begin and end with alike is taken away. */
function middles(
  ones: readonly string[],
  others: readonly string[],
): { from: number; recorded: string[]; asked: string[] } {
  let from = 0;
  while (
    from < ones.length && from < others.length && ones[from] === others[from]
  ) from++;
  let end = 0;
  while (
    ones.length - end > from && others.length - end > from &&
    ones[ones.length - end - 1] === others[others.length - end - 1]
  ) end++;
  return {
    from,
    recorded: ones.slice(from, ones.length - end),
    asked: others.slice(from, others.length - end),
  };
}

function isOtherStdin(entry: MatchFacts, facts: MatchFacts): boolean {
  return entry.hasStdin !== facts.hasStdin ||
    entry.stdinDigest !== facts.stdinDigest;
}

function stdinDifference(entry: MatchFacts, facts: MatchFacts): string {
  if (entry.hasStdin && facts.hasStdin) {
    return entry.stdinDigest === null
      ? "stdin: recorded without a digest, which matches nothing"
      : "stdin: recorded with other input";
  }
  return entry.hasStdin
    ? "stdin: recorded with input, asked without"
    : "stdin: recorded without input, asked with";
}

function isOtherVariable(
  entry: MatchFacts,
  facts: MatchFacts,
  name: string,
): boolean {
  return variableDigestIn(entry.envDigests, name) !==
    variableDigestIn(facts.envDigests, name);
}

function state(facts: MatchFacts, name: string): string {
  const digest = variableDigestIn(facts.envDigests, name);
  if (digest === false) return "left alone";
  return digest === null ? "removed" : "set";
}

function place(cwd: string | null): string {
  return cwd === null ? "none" : quoted(cwd);
}

/** Two texts that differ, from a little before the place where they do. */
function versus(recorded: string, asked: string): string {
  const longest = Math.max(recorded.length, asked.length);
  let from = 0;
  if (longest > LONGEST_SHOWN) {
    while (recorded[from] === asked[from]) from++;
    from = Math.max(0, from - 20);
  }
  const shown = (text: string) =>
    quoted(from === 0 ? text : `…${text.slice(from)}`);
  return `recorded ${shown(recorded)}, asked ${shown(asked)}`;
}

function list(args: readonly string[]): string {
  return shellQuote(
    args.slice(0, 8).map((arg) => shortened(arg, LONGEST_SHOWN)),
  ) +
    (args.length > 8 ? " …" : "");
}

function quoted(text: string): string {
  return JSON.stringify(shortened(text, LONGEST_SHOWN));
}
