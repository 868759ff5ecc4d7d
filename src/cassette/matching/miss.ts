import {
  CassetteError,
  CassetteMissError,
  type NearRecording,
} from "../../outcome/cassette_errors.ts";
import { shortened } from "../../outcome/message_text.ts";
import { shellQuote } from "../../outcome/shell_quote.ts";
import type { CassetteEntry } from "../format/entry.ts";
import {
  type MatchFacts,
  matchKey,
  type MatchRules,
  variableDigestIn,
} from "./key.ts";
import type { Lookup, Playback } from "./playback.ts";

/** The number of similar recordings in the message of a miss. */
const MAX_NEAREST = 3;
/** The number of different arguments that are named for one recording. */
const MAX_DIFFERENCES = 3;
/** The number of characters of a text that are shown. */
const MAX_SHOWN = 60;
/** The number of unplayed recordings that are named. */
const MAX_UNPLAYED = 10;
/** The number of arguments of a command line that are shown. */
const MAX_ARGUMENTS = 64;

/** How different a recording is from the command. */
interface Distance {
  readonly index: number;
  readonly distance: number;
}

/** How to record again. It depends on how the cassette was opened. */
export interface RecordingAdvice {
  /** Completes the sentence "To add the command, …". */
  readonly add: string;
  /** Completes the sentence "To record the whole cassette again, …". */
  readonly all: string;
}

/** The advice for a cassette that was opened by `open` or `replay`. */
export const DEFAULT_ADVICE: RecordingAdvice = Object.freeze({
  add: 'open the cassette with mode "new-episodes"',
  all: 'open the cassette with mode "record"',
});

/** What the message of a miss needs to know of the cassette. */
export interface MissContext {
  readonly path: string;
  readonly playback: Playback;
  readonly rules: MatchRules;
  /** The names of the variables whose values `redact` replaces. */
  readonly redactedVariables: readonly string[];
  readonly advice: RecordingAdvice;
}

/** Creates the error for a command for which the lookup returned no entry. */
export function missError(
  { path, playback, rules, redactedVariables, advice }: MissContext,
  facts: MatchFacts,
  lookup: Exclude<Lookup, { kind: "run" }>,
): CassetteMissError {
  const requested = describe(facts);
  const { program } = facts;
  const { add, all } = advice;
  switch (lookup.kind) {
    case "unknown": {
      const nearest = nearestOf(playback.entries, facts, rules);
      return new CassetteMissError(program, path, requested, {
        nearest,
        advice: [
          ...redactionAdvice(nearest, redactedVariables),
          `To add the command, ${add}. To record the whole cassette again, ${all}.`,
        ],
      });
    }
    case "text-only":
      return new CassetteMissError(program, path, requested, {
        reason: "text-only",
        problem: "has only the text, not the bytes, of",
        advice: [
          `To record the bytes, run the command with outputBytes, and ${all}.`,
        ],
      });
    case "exhausted":
      return new CassetteMissError(program, path, requested, {
        reason: "exhausted",
        problem: `has played all ${lookup.count} of its recordings of`,
        advice: [
          `To record more of them, ${all}. To repeat the last one, set repeat: "last".`,
        ],
      });
    case "out-of-turn":
      return new CassetteMissError(program, path, requested, {
        reason: "out-of-turn",
        problem: lookup.expected === null
          ? "has played all of its recordings in strict order, and has none left for"
          : "is replayed in strict order, and its next recording is not of",
        nearest: lookup.expected === null
          ? []
          : [nextRecording(playback, lookup.expected, facts, rules)],
        advice: [
          `To record the new order, ${all}. To allow any order, set order: "any".`,
        ],
      });
  }
}

/**
 * The advice if a similar recording contains `<env:NAME>`. Such a recording matches only if
 * the cassette is opened with `redactEnv` for the variable, and the command sets it.
 */
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
      } in place of a value; open the cassette with redact: redactEnv(${
        JSON.stringify(missing)
      }).`,
    );
  }
  if (unset.length > 0) {
    lines.push(
      `The recording has ${
        unset.map((name) => `<env:${name}>`).join(", ")
      } in place of a value; set ${
        unset.join(", ")
      } with env(…) on the command, to the value that the command contains.`,
    );
  }
  return lines;
}

/** Creates the error for recordings that were not played. */
export function unplayedError(
  path: string,
  entries: readonly CassetteEntry[],
  indexes: readonly number[],
): CassetteError {
  const shown = indexes.slice(0, MAX_UNPLAYED).map((index) =>
    `entries[${index}] \`${
      shortened(commandLineOf(entries[index]), MAX_SHOWN)
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
      'If they are no longer needed, record the cassette again with mode "record"',
  );
}

/** Returns the command line of an entry as a shell would read it, for messages. */
export function commandLineOf(
  { program, args }: Pick<CassetteEntry, "program" | "args">,
): string {
  return shellQuote([program, ...args.slice(0, MAX_ARGUMENTS)]);
}

function describe(facts: MatchFacts): string {
  const { cwd, hasStdin } = facts;
  const where = cwd === null
    ? "without a working directory"
    : `in ${shortened(cwd, 80)}`;
  // The command line is cut, so that the rest of the sentence stays visible.
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
  const keys = new Set<string>();
  for (const [index, entry] of entries.entries()) {
    const distance = distanceOf(entry, facts, rules);
    const farthest = nearest[MAX_NEAREST - 1]?.distance ?? Infinity;
    if (distance >= farthest) continue;
    // A command that was recorded several times is listed once.
    const key = matchKey(entry, rules);
    if (keys.has(key)) continue;
    keys.add(key);
    nearest.push({ index, distance });
    nearest.sort((one, other) => one.distance - other.distance);
    nearest.length = Math.min(nearest.length, MAX_NEAREST);
  }
  return nearest.map(({ index }) =>
    nearRecording(
      entries[index],
      index,
      differencesOf(entries[index], facts, rules),
    )
  );
}

function nextRecording(
  { entries }: Playback,
  index: number,
  facts: MatchFacts,
  rules: MatchRules,
): NearRecording {
  const entry = entries[index];
  return nearRecording(entry, index, [
    "next in order",
    ...differencesOf(entry, facts, rules),
  ]);
}

function nearRecording(
  entry: CassetteEntry,
  index: number,
  differences: readonly string[],
): NearRecording {
  return Object.freeze({
    index,
    program: entry.program,
    args: entry.args,
    cwd: entry.cwd,
    hasStdin: entry.hasStdin,
    commandLine: commandLineOf(entry),
    differences: Object.freeze(differences),
  });
}

/**
 * How different an entry is from the command. A different program weighs most, then
 * different arguments, then working directory, stdin and variables.
 */
function distanceOf(
  entry: CassetteEntry,
  facts: MatchFacts,
  rules: MatchRules,
): number {
  const { recorded, requested } = middles(entry.args, facts.args);
  const differentArguments = recorded.length === requested.length
    ? recorded.filter((arg, at) => arg !== requested[at]).length
    : Math.max(recorded.length, requested.length);
  return (entry.program === facts.program ? 0 : 1000) +
    4 * differentArguments +
    Number(rules.cwd && entry.cwd !== facts.cwd) +
    Number(hasOtherStdin(entry, facts)) +
    rules.env.filter((name) => hasOtherVariable(entry, facts, name)).length;
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
          ? `recorded ${shownFolder(entry.cwd)}, requested ${
            shownFolder(facts.cwd)
          }`
          : comparison(entry.cwd, facts.cwd)
      }`,
    );
  }
  if (hasOtherStdin(entry, facts)) {
    differences.push(stdinDifference(entry, facts));
  }
  for (const name of rules.env) {
    if (hasOtherVariable(entry, facts, name)) {
      differences.push(
        `the variable ${name}: ${variableDifference(entry, facts, name)}`,
      );
    }
  }
  // The arguments come last, because there may be many of them.
  return [...differences, ...argumentDifferences(entry.args, facts.args)];
}

function argumentDifferences(
  allRecorded: readonly string[],
  allRequested: readonly string[],
): string[] {
  const { from, recorded, requested } = middles(allRecorded, allRequested);
  if (recorded.length === requested.length) {
    const different = [...recorded.keys()].filter((at) =>
      recorded[at] !== requested[at]
    );
    const shown = different.slice(0, MAX_DIFFERENCES).map((at) =>
      `args[${from + at}]: ${comparison(recorded[at], requested[at])}`
    );
    const rest = different.length - shown.length;
    return rest === 0 ? shown : [...shown, `and ${rest} more arguments`];
  }
  const place = `args[${from}]`;
  if (recorded.length === 0) {
    return [`${place}: only requested: ${list(requested)}`];
  }
  if (requested.length === 0) {
    return [`${place}: only recorded: ${list(recorded)}`];
  }
  return [
    `from ${place} on: recorded ${list(recorded)}, requested ${
      list(requested)
    }`,
  ];
}

/** Removes the common beginning and the common end of two lists of arguments. */
function middles(
  recorded: readonly string[],
  requested: readonly string[],
): { from: number; recorded: string[]; requested: string[] } {
  let from = 0;
  while (
    from < recorded.length && from < requested.length &&
    recorded[from] === requested[from]
  ) from++;
  let end = 0;
  while (
    recorded.length - end > from && requested.length - end > from &&
    recorded[recorded.length - end - 1] ===
      requested[requested.length - end - 1]
  ) end++;
  return {
    from,
    recorded: recorded.slice(from, recorded.length - end),
    requested: requested.slice(from, requested.length - end),
  };
}

function hasOtherStdin(entry: MatchFacts, facts: MatchFacts): boolean {
  return entry.hasStdin !== facts.hasStdin ||
    entry.stdinDigest !== facts.stdinDigest;
}

function stdinDifference(entry: MatchFacts, facts: MatchFacts): string {
  if (entry.hasStdin && facts.hasStdin) {
    return entry.stdinDigest === null
      ? "stdin: recorded without a digest, which matches no input"
      : "stdin: recorded with different input";
  }
  return entry.hasStdin
    ? "stdin: recorded with input, requested without input"
    : "stdin: recorded without input, requested with input";
}

function hasOtherVariable(
  entry: MatchFacts,
  facts: MatchFacts,
  name: string,
): boolean {
  return variableDigestIn(entry.envDigests, name) !==
    variableDigestIn(facts.envDigests, name);
}

function variableDifference(
  entry: MatchFacts,
  facts: MatchFacts,
  name: string,
): string {
  const recorded = variableState(entry, name);
  const requested = variableState(facts, name);
  return recorded === requested
    ? "recorded with a different value"
    : `recorded ${recorded}, requested ${requested}`;
}

/** What the command does with a variable. */
function variableState(facts: MatchFacts, name: string): string {
  const digest = variableDigestIn(facts.envDigests, name);
  if (digest === false) return "neither set nor removed";
  return digest === null ? "removed" : "set";
}

function shownFolder(cwd: string | null): string {
  return cwd === null ? "none" : quoted(cwd);
}

/** Two different texts for a message. Long texts are shown from shortly before the first difference. */
function comparison(recorded: string, requested: string): string {
  const longest = Math.max(recorded.length, requested.length);
  let from = 0;
  if (longest > MAX_SHOWN) {
    while (recorded[from] === requested[from]) from++;
    from = Math.max(0, from - 20);
  }
  const shown = (text: string) =>
    quoted(from === 0 ? text : `…${text.slice(from)}`);
  return `recorded ${shown(recorded)}, requested ${shown(requested)}`;
}

function list(args: readonly string[]): string {
  return shellQuote(args.slice(0, 8).map((arg) => shortened(arg, MAX_SHOWN))) +
    (args.length > 8 ? " …" : "");
}

function quoted(text: string): string {
  return JSON.stringify(shortened(text, MAX_SHOWN));
}
