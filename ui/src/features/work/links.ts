/** Where a link of a terminal really leads. */

/** The host as the network sees it (punycode) and the whole address; null for what is not a web page. */
export function targetOf(url: string): { host: string; href: string } | null {
  try {
    const parsed = new URL(url);
    if (parsed.protocol !== 'http:' && parsed.protocol !== 'https:') return null;
    // A name before the @ only looks like the host.
    parsed.username = '';
    parsed.password = '';
    return { host: parsed.host, href: parsed.href };
  } catch {
    return null;
  }
}
