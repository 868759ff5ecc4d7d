/**
 * What `/proc/<pid>/stat` tells of a process after its name, up to when it was started:
 * the state comes first, as the third field of the file.
 */
export function statFields(stat: string): string[] {
  // A program's name may hold anything, a parenthesis among it; what follows does not.
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ", 20);
}
