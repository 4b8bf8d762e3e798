/** A review of what programs wrote, of what was moved and of what was copied, for the made-up backend. */
import type { FakeFile } from './reviewTexts';

const helpers = `import { read } from "./read.js";

export function priceOf(loaf, count) {
  const base = read("price", loaf);
  const off = count > 11 ? 0.1 : 0;
  return base * count * (1 - off);
}

export function weightOf(loaf, count) {
  return read("weight", loaf) * count;
}

export function label(loaf) {
  return \`\${loaf.name}, \${loaf.grams} g\`;
}
`;

const price = `export function priceOf(loaf, count) {
  const base = read("price", loaf);
  const off = count > 11 ? 0.1 : 0;
  return base * count * (1 - off);
}

`;

const lock = (salt: number): string =>
  Array.from(
    { length: 120 },
    (_, at) =>
      `    "node_modules/part-${at}": {\n      "version": "1.${at % 3 === 0 ? at + salt : at}.0",\n      "resolved": "https://registry.npmjs.org/part-${at}/-/part-${at}.tgz"\n    },\n`,
  ).join('');

const about = `<!doctype html>
<html lang="en">
  <title>About us</title>
  <main>
    <h1>Rye and Salt</h1>
    <p>We bake since 1911, every day but Monday.</p>
    <p>Flour comes from the mill next door.</p>
  </main>
</html>
`;

export function moreFiles(): FakeFile[] {
  return [
    {
      path: 'dist/site.min.js',
      status: 'modified',
      old: 'var a=1;\n',
      now: 'var a=2;var b=3;\n',
      decision: 'undecided',
      madeBy: 'generator',
    },
    {
      path: 'js/price.js',
      status: 'modified',
      old: helpers,
      now: `${helpers.replace(price, '')}\n${price.trimEnd()}\n`,
      decision: 'undecided',
    },
    {
      path: 'de/about.html',
      status: 'added',
      old: null,
      now: about
        .replace('About us', 'Über uns')
        .replace('We bake since 1911, every day but Monday.', 'Wir backen seit 1911, jeden Tag außer montags.'),
      decision: 'undecided',
      copiedFrom: 'about.html',
    },
    {
      path: 'notes/14:30 tasting.md',
      status: 'added',
      old: null,
      now: '# Tasting at half past two\n\nThe rye is too dark.\n',
      decision: 'undecided',
      unfit: 'cannot_hold',
    },
    {
      path: 'package-lock.json',
      status: 'modified',
      old: lock(0),
      now: lock(4),
      decision: 'undecided',
      madeBy: 'package_manager',
    },
  ];
}
