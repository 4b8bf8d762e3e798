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

/** Names by which a browser calls its own computer; a log-in is led back from these only. */
const HERE = ['localhost', '127.0.0.1'];

/** The port of this computer that a log-in would come back to: a parameter of the link names it. */
export function comesBackTo(url: string): number | null {
  const target = targetOf(url);
  if (!target) return null;
  const { search, hash } = new URL(target.href);
  const values = [...new URLSearchParams(search).values(), ...new URLSearchParams(hash.slice(1)).values()];
  for (const value of values) {
    if (!/^http:\/\//i.test(value) || !URL.canParse(value)) continue;
    const { hostname, port } = new URL(value);
    if (HERE.includes(hostname) && port !== '' && port !== '0') return Number(port);
  }
  return null;
}
