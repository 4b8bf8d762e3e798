/** What was typed as names of Debian packages; the engine has the last word. */
export interface Typed {
  names: string[];
  /** The first that is no name. */
  wrong: string | null;
}

const NAME = /^[a-z0-9][a-z0-9+.-]+$/;

export function packageNames(text: string): Typed {
  const names = text.split(/[\s,]+/).filter((name) => name !== '');
  return { names, wrong: names.find((name) => !NAME.test(name)) ?? null };
}
