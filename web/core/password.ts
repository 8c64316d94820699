// The least that a password must be; the server has the last word.
export const least = 10;

export function passwordFault(password: string, again?: string): string | undefined {
  if ([...password].length < least) return `At least ${least} characters. A few words in a row are easy to remember and hard to guess.`;
  if (again !== undefined && again !== password) return 'The two are not the same.';
  return undefined;
}

/** The token of a one-time link is behind the #, so that no server's log ever sees it. */
export function tokenOf(hash: string): string {
  return hash.replace(/^#/, '').trim();
}
