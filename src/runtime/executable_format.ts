/**
 * The file that the system needs to execute another: an interpreter or a loader, none, or
 * unknown.
 */
type Loader = { readonly path: string } | "none" | "unknown";

/**
 * How many bytes of a file are inspected. A binary that names its loader further on is
 * `"unknown"`.
 */
export const HEAD_BYTES = 4096;

/** The access to files that {@linkcode isSureToExecute} needs. */
export interface FileInspector {
  /** The architecture of this machine, `"x86_64"` or `"aarch64"`. */
  readonly arch: string;
  isExecutable(path: string): boolean;
  /** Reads up to the first {@linkcode HEAD_BYTES} of a file. */
  readHead(path: string): Uint8Array;
}

/** How many interpreters of interpreters are followed. The kernel has a limit as well. */
const MAX_INTERPRETERS = 4;

/**
 * Tests whether executing an executable file is sure to succeed: it is a binary for this
 * machine that needs no loader or whose loader exists, or a script whose interpreter can be
 * executed in the same sense. Returns `false` if that is not certain.
 */
export function isSureToExecute(
  path: string,
  files: FileInspector,
  interpretersLeft = MAX_INTERPRETERS,
): boolean {
  const loader = loaderOf(files.readHead(path), files.arch);
  if (loader === "none") return true;
  if (loader === "unknown" || interpretersLeft === 0) return false;
  return files.isExecutable(loader.path) &&
    isSureToExecute(loader.path, files, interpretersLeft - 1);
}

/**
 * Finds the file that the system needs to execute a file with these first bytes: the
 * loader of a 64-bit binary for this machine, or the interpreter of a script.
 */
function loaderOf(head: Uint8Array, arch: string): Loader {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const isElf = view.byteLength >= 64 && view.getUint32(0) === 0x7f454c46;
  return isElf ? elfLoader(view, arch) : scriptInterpreter(head);
}

function scriptInterpreter(head: Uint8Array): Loader {
  // The kernel reads no more than this of a `#!` line.
  const text = new TextDecoder().decode(head.subarray(0, 256));
  const path = /^#![ \t]*([^ \t\n]+)[ \t\n]/.exec(text)?.[1];
  return path?.startsWith("/") ? { path } : "unknown";
}

function elfLoader(head: DataView, arch: string): Loader {
  const is64BitLittleEndian = head.getUint8(4) === 2 && head.getUint8(5) === 1;
  if (!is64BitLittleEndian || head.getUint16(18, true) !== ELF_MACHINES[arch]) {
    return "unknown";
  }
  const tableAt = Number(head.getBigUint64(32, true));
  const entrySize = head.getUint16(54, true);
  const entries = head.getUint16(56, true);
  for (let index = 0; index < entries; index++) {
    const at = tableAt + index * entrySize;
    if (at + 40 > head.byteLength) return "unknown";
    if (head.getUint32(at, true) !== PT_INTERP) continue;
    const from = Number(head.getBigUint64(at + 8, true));
    const length = Number(head.getBigUint64(at + 32, true));
    if (length < 2 || from + length > head.byteLength) return "unknown";
    const name = new Uint8Array(
      head.buffer,
      head.byteOffset + from,
      length - 1,
    );
    return { path: new TextDecoder().decode(name) };
  }
  return "none";
}

/** The type of the ELF program header that names the loader. */
const PT_INTERP = 3;
/** The machine numbers of ELF. */
const ELF_MACHINES: Readonly<Record<string, number>> = {
  x86_64: 62,
  aarch64: 183,
};
