/**
 * Returns the fields of `/proc/<pid>/stat` that follow the name of the process. The first is
 * the state, which is the third field of the file. The last is the start time.
 */
export function statFields(stat: string): string[] {
  // The name may contain anything, including ")". No later field does.
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ", 20);
}
