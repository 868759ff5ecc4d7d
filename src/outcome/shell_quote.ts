/** Quotes a program and its arguments as a POSIX shell would read them back. For display only. */
export function shellQuote(words: readonly string[]): string {
  return words.map(quoteWord).join(" ");
}

function quoteWord(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  // Inside single quotes a shell reads everything as it is; only the quote itself has to step outside.
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
