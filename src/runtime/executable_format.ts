/** What the system has to find before it can execute a file: a path, nothing, or one cannot tell. */
type Loader = { readonly path: string } | "none" | "unsure";

/** How much of a file's start is looked at; one that has it elsewhere is "unsure". */
export const HEAD_BYTES = 4096;

/** How a file is looked at. */
export interface FileView {
  /** The machine's architecture, as the runtimes call it. */
  readonly arch: string;
  isExecutable(path: string): boolean;
  /** The file's first {@linkcode HEAD_BYTES}, or fewer. */
  headOf(path: string): Uint8Array;
}

/** An interpreter may itself be a script, but the system follows only so many. */
const MOST_INTERPRETERS = 4;

/**
 * Whether the system is sure to be able to execute a file: a binary for this
 * machine whose loader is there, or a script whose interpreter is.
 */
export function isPlainExecutable(
  path: string,
  view: FileView,
  interpretersLeft = MOST_INTERPRETERS,
): boolean {
  const loader = loaderOf(view.headOf(path), view.arch);
  if (loader === "none") return true;
  if (loader === "unsure" || interpretersLeft === 0) return false;
  return view.isExecutable(loader.path) &&
    isPlainExecutable(loader.path, view, interpretersLeft - 1);
}

/**
 * What executing a file takes beside the file itself, by the file's first bytes:
 * the loader that a 64-bit binary for this machine names, or the interpreter of a
 * script. `arch` is the machine's, as the runtimes call it.
 */
function loaderOf(head: Uint8Array, arch: string): Loader {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const isElf = view.byteLength >= 64 && view.getUint32(0) === 0x7f454c46;
  return isElf ? elfLoader(view, arch) : scriptInterpreter(head);
}

function scriptInterpreter(head: Uint8Array): Loader {
  // The system itself reads no further than this for a first line.
  const text = new TextDecoder().decode(head.subarray(0, 256));
  const path = /^#![ \t]*([^ \t\n]+)[ \t\n]/.exec(text)?.[1];
  return path?.startsWith("/") ? { path } : "unsure";
}

function elfLoader(head: DataView, arch: string): Loader {
  const is64BitLittleEndian = head.getUint8(4) === 2 && head.getUint8(5) === 1;
  if (!is64BitLittleEndian || head.getUint16(18, true) !== MACHINES[arch]) {
    return "unsure";
  }
  const tableAt = Number(head.getBigUint64(32, true));
  const entrySize = head.getUint16(54, true);
  const entries = head.getUint16(56, true);
  for (let index = 0; index < entries; index++) {
    const at = tableAt + index * entrySize;
    if (at + 40 > head.byteLength) return "unsure";
    if (head.getUint32(at, true) !== NAMES_LOADER) continue;
    const from = Number(head.getBigUint64(at + 8, true));
    const length = Number(head.getBigUint64(at + 32, true));
    if (length < 2 || from + length > head.byteLength) return "unsure";
    const name = new Uint8Array(
      head.buffer,
      head.byteOffset + from,
      length - 1,
    );
    return { path: new TextDecoder().decode(name) };
  }
  return "none";
}

/** The type of the program header that names the loader. */
const NAMES_LOADER = 3;
/** ELF's numbers for the machines that a runtime may be on. */
const MACHINES: Readonly<Record<string, number>> = {
  x86_64: 62,
  aarch64: 183,
};
