/**
 * A guard for cassettes that knows what credentials look like.
 *
 * @example
 * ```ts
 * import { Command, RecordReplayRunner } from "@processkit/processkit";
 * import { secretsGuard } from "@processkit/processkit/secrets";
 *
 * await using runner = RecordReplayRunner.record("/tmp/version.json", undefined, {
 *   guard: secretsGuard(),
 * });
 * await runner.run(new Command("git", ["--version"]));
 * await runner.save(); // with a credential in it: a CassetteError, "refused"
 * ```
 *
 * @module
 */

import type { CassetteEntry, CassetteField } from "../cassette/format/entry.ts";
import type { Guard, GuardRefusal } from "../cassette/transform/guard.ts";
export type {
  CassetteEntry,
  CassetteField,
  CassetteKey,
  CassetteTiming,
  EnvDigests,
  TimedOutput,
} from "../cassette/format/entry.ts";
export type { Guard, GuardRefusal } from "../cassette/transform/guard.ts";
export type { OutputStream } from "../outcome/result.ts";

/** What is used of the rules: those of `secretlint`, which come without types of their own. */
interface Rule {
  readonly meta: { readonly id: string };
  create(context: RuleContext, options: object): {
    file?(source: RuleSource): void | Promise<void>;
  };
}

interface RuleContext {
  readonly sharedOptions: object;
  createTranslator(): (id: string) => { message: string; messageId: string };
  report(descriptor: { message: { messageId: string } }): void;
  ignore(): void;
}

interface RuleSource {
  readonly content: string;
  readonly contentType: "text";
  readonly filePath: string;
  readonly ext: string;
  readonly hasBOM: boolean;
  getFilePath(): undefined;
  getPhysicalFilePath(): undefined;
}

/**
 * Makes a guard that refuses an entry with what looks like a credential: tokens and keys
 * of AWS, Google Cloud, GitHub, GitLab, npm, OpenAI, Slack, Stripe and others, private
 * keys, passwords in URLs, by the recommended rules of `secretlint`. They are loaded
 * when the first entry is to be kept, and not for a replay.
 *
 * What it names is the kind of the credential, by the rule that found it, and never the
 * text. What no rule knows it does not find: it is a net, and no proof.
 */
export function secretsGuard(): Guard {
  return async (entry) => {
    for (const [field, text] of textsOf(entry)) {
      const found = await findIn(text);
      if (found !== null) {
        return {
          field,
          reason: `it looks like a credential, by the rule ${found}`,
        } satisfies GuardRefusal;
      }
    }
    return null;
  };
}

/** For all rules: the number of a key of AWS is not secret by itself, and stands beside what is. */
const OPTIONS = { enableIDScanRule: true };

/** The texts of an entry that can hold a credential. */
function* textsOf(entry: CassetteEntry): Iterable<[CassetteField, string]> {
  yield ["program", entry.program];
  for (const arg of entry.args) yield ["args", arg];
  // What is told in two words is found when they stand together.
  yield ["args", entry.args.join(" ")];
  if (entry.cwd !== null) yield ["cwd", entry.cwd];
  yield ["stdout", entry.stdout];
  if (entry.stdoutBase64 !== undefined) {
    const bytes = Uint8Array.fromBase64(entry.stdoutBase64);
    yield ["stdout", new TextDecoder("latin1").decode(bytes)];
    // UTF-16 has a NUL beside every letter.
    const letters = bytes.filter((byte) => byte !== 0);
    yield ["stdout", new TextDecoder("latin1").decode(letters)];
  }
  if (entry.stdout.includes("\0")) {
    yield ["stdout", entry.stdout.replaceAll("\0", "")];
  }
  yield ["stderr", entry.stderr];
}

/** Which rule finds a credential in the text, or `null`. */
async function findIn(text: string): Promise<string | null> {
  if (text === "") return null;
  let found: string | null = null;
  const source: RuleSource = {
    content: text,
    contentType: "text",
    filePath: "output.txt",
    ext: ".txt",
    hasBOM: false,
    getFilePath: () => undefined,
    getPhysicalFilePath: () => undefined,
  };
  for (const rule of await loadRules()) {
    const { file } = rule.create({
      sharedOptions: {},
      createTranslator: () => (messageId) => ({ message: "", messageId }),
      report({ message }) {
        found ??= `${rule.meta.id} (${message.messageId})`;
      },
      // The text is a program's, and has no say in what is looked for.
      ignore() {},
    }, OPTIONS);
    await file?.(source);
    if (found !== null) return found;
  }
  return null;
}

async function loadRules(): Promise<readonly Rule[]> {
  const { rules } = await import(
    "@secretlint/secretlint-rule-preset-recommend"
  );
  return rules as unknown as readonly Rule[];
}
