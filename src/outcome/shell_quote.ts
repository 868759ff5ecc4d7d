/** Joins words into a command line that a POSIX shell would split into the same words. For display only. */
export function shellQuote(words: readonly string[]): string {
  return words.map(quoteWord).join(" ");
}

function quoteWord(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  // Within single quotes, a shell takes every character literally except the quote, which has to be outside of them.
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
