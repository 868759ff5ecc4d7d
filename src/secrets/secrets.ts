/**
 * Provides {@linkcode secretsGuard}, which refuses to record credentials in a cassette.
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
 * await runner.save(); // A CassetteError with the reason "refused" if a credential is found.
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

/** The part of a secretlint rule that is used here. The package has no types for it. */
interface Rule {
  readonly meta: { readonly id: string };
  create(context: RuleContext, options: object): {
    file?(source: RuleSource): void | Promise<void>;
  };
}

/** What a rule receives when it is created. */
interface RuleContext {
  readonly sharedOptions: object;
  createTranslator(): (id: string) => { message: string; messageId: string };
  report(descriptor: { message: { messageId: string } }): void;
  ignore(): void;
}

/** The text that a rule searches. */
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
 * Creates a guard that refuses an entry that contains a credential, by the recommended rules
 * of `secretlint`. They find tokens and keys of AWS, Google Cloud, GitHub, GitLab, npm,
 * OpenAI, Slack, Stripe and others, private keys, and passwords in URLs.
 *
 * The error names the rule that found the credential, and does not contain the text. A
 * credential that no rule describes is not found. The rules are loaded when the first entry
 * is recorded. A replay does not load them.
 */
export function secretsGuard(): Guard {
  return async (entry) => {
    for (const [field, text] of textsOf(entry)) {
      const rule = await matchingRule(text);
      if (rule !== null) {
        return {
          field,
          reason: `it contains a credential, according to the rule ${rule}`,
        } satisfies GuardRefusal;
      }
    }
    return null;
  };
}

/** The options of all rules. The ID of an AWS key is not secret, but the secret key usually occurs next to it. */
const OPTIONS = { enableIDScanRule: true };

/** Lists the texts of an entry that can contain a credential, with their fields. */
function* textsOf(entry: CassetteEntry): Iterable<[CassetteField, string]> {
  yield ["program", entry.program];
  for (const arg of entry.args) yield ["args", arg];
  // A rule may match two arguments together, such as an option and its value.
  yield ["args", entry.args.join(" ")];
  if (entry.cwd !== null) yield ["cwd", entry.cwd];
  yield ["stdout", entry.stdout];
  if (entry.stdoutBase64 !== undefined) {
    const bytes = Uint8Array.fromBase64(entry.stdoutBase64);
    yield ["stdout", new TextDecoder("latin1").decode(bytes)];
    // In UTF-16, each ASCII character is one byte and a NUL byte.
    const withoutNuls = bytes.filter((byte) => byte !== 0);
    yield ["stdout", new TextDecoder("latin1").decode(withoutNuls)];
  }
  if (entry.stdout.includes("\0")) {
    yield ["stdout", entry.stdout.replaceAll("\0", "")];
  }
  yield ["stderr", entry.stderr];
}

/** Returns the name of the rule that finds a credential in a text, or `null`. */
async function matchingRule(text: string): Promise<string | null> {
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
      // A rule calls this for a comment in the text that disables it. The output of a program must not.
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
