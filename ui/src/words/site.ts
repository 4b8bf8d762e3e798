/** Words about a site's port. */

/** SSH’s port: what goes through it says nothing that could be held against its site. */
const UNSEEN = 22;

export const NOT_INSPECTABLE = 'not inspectable';
export const NOT_INSPECTABLE_WHY =
  'What goes through port 22 cannot be looked into: it may be for that site, or anything else.';

/** Of a question: `port 443`, `port 22, not inspectable`. */
export function portWords(port: number): string {
  return port === UNSEEN ? `port ${port}, ${NOT_INSPECTABLE}` : `port ${port}`;
}

/** Whether a rule opens that port: `example.com:22`. An IPv6 address has its own colons in brackets. */
export function opensUnseen(rule: string): boolean {
  return rule.endsWith(`:${UNSEEN}`);
}
