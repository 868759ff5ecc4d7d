import { builtin } from "./builtin.ts";

/**
 * Whether the system is sure to be able to execute a file: a binary for this
 * machine whose loader is there, or a script whose interpreter is. "No" means
 * "not sure".
 *
 * What is not sure must be executed by the runtime itself and not by way of a
 * prefix program, which would report its own failure as the program's exit code.
 */
export function isPlainExecutable(path: string): boolean {
  return isKnownGood(path, MOST_INTERPRETERS);
}

/** An interpreter may itself be a script, but the system follows only so many. */
const MOST_INTERPRETERS = 4;

/** Of a file that looks as it did, only the facts are read again. */
const verdicts = new Map<string, { facts: string; verdict: boolean }>();
const MOST_VERDICTS = 1000;

function isKnownGood(path: string, interpretersLeft: number): boolean {
  const fs = builtin("node:fs");
  const { ino, size, mtimeMs, ctimeMs } = fs.statSync(path);
  const facts = `${ino} ${size} ${mtimeMs} ${ctimeMs}`;
  const known = verdicts.get(path);
  if (known?.facts === facts && known.verdict) return true;
  const verdict = examine(path, interpretersLeft);
  if (verdicts.size >= MOST_VERDICTS) verdicts.clear();
  verdicts.set(path, { facts, verdict });
  return verdict;
}

function examine(path: string, interpretersLeft: number): boolean {
  const head = readHead(path);
  const loader = isElf(head) ? elfLoader(head) : scriptInterpreter(head);
  if (loader === "none") return true;
  if (
    loader === "unsure" || interpretersLeft === 0 || !loader.startsWith("/")
  ) return false;
  builtin("node:fs").accessSync(loader, EXECUTABLE);
  return isKnownGood(loader, interpretersLeft - 1);
}

const EXECUTABLE = 1;
/** Where linkers put what is looked for here; a file that has it elsewhere is "unsure". */
const HEAD_BYTES = 4096;

function readHead(path: string): DataView {
  const fs = builtin("node:fs");
  const file = fs.openSync(path, "r");
  try {
    const buffer = new Uint8Array(HEAD_BYTES);
    return new DataView(
      buffer.buffer,
      0,
      fs.readSync(file, buffer, 0, HEAD_BYTES, 0),
    );
  } finally {
    fs.closeSync(file);
  }
}

function scriptInterpreter(head: DataView): string {
  const text = new TextDecoder().decode(
    new Uint8Array(head.buffer, 0, Math.min(head.byteLength, 256)),
  );
  return /^#![ \t]*([^ \t\n]+)[ \t\n]/.exec(text)?.[1] ?? "unsure";
}

function isElf(head: DataView): boolean {
  return head.byteLength >= 64 && head.getUint32(0) === 0x7f454c46;
}

/** The loader that a 64-bit little-endian ELF file names, or "none" for a static one. */
function elfLoader(head: DataView): string {
  const is64BitLittleEndian = head.getUint8(4) === 2 && head.getUint8(5) === 1;
  if (
    !is64BitLittleEndian ||
    head.getUint16(18, true) !== MACHINES[builtin("node:os").arch()]
  ) return "unsure";
  const tableAt = Number(head.getBigUint64(32, true));
  const entrySize = head.getUint16(54, true);
  const entries = head.getUint16(56, true);
  for (let index = 0; index < entries; index++) {
    const at = tableAt + index * entrySize;
    if (at + 40 > head.byteLength) return "unsure";
    if (head.getUint32(at, true) !== NAMES_LOADER) continue;
    const from = Number(head.getBigUint64(at + 8, true));
    const length = Number(head.getBigUint64(at + 32, true));
    if (from + length > head.byteLength) return "unsure";
    return new TextDecoder().decode(
      new Uint8Array(head.buffer, from, length - 1),
    );
  }
  return "none";
}

/** The program header type of the loader's name. */
const NAMES_LOADER = 3;
/** ELF's numbers for the machines that a runtime may be on. */
const MACHINES: Readonly<Record<string, number>> = { x64: 62, arm64: 183 };
