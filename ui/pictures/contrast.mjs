// Reads tokens.css and prints the WCAG contrast of every pair the window uses; fails below the floor.
import { readFileSync } from 'node:fs';

const css = readFileSync(new URL('../src/styles/tokens.css', import.meta.url), 'utf8');
const block = (start) => css.slice(css.indexOf(start), css.indexOf('\n}', css.indexOf(start)));
const colours = (text) =>
  Object.fromEntries([...text.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6})/g)].map((m) => [m[1], m[2]]));
const light = colours(block(':root {'));
const dark = { ...light, ...colours(block('[data-theme="dark"] {')) };

const channel = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
const luminance = (hex) =>
  [1, 3, 5].reduce(
    (sum, at, i) => sum + [0.2126, 0.7152, 0.0722][i] * channel(parseInt(hex.slice(at, at + 2), 16) / 255),
    0,
  );
const ratio = (a, b) => {
  const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p);
  return (x + 0.05) / (y + 0.05);
};

const page = ['bg-window', 'bg-surface', 'bg-sunken', 'bg-raised', 'bg-hover', 'bg-selected', 'bg-selected-quiet'];
const code = [
  'bg-surface',
  'diff-add',
  'diff-add-word',
  'diff-del',
  'diff-del-word',
  'diff-line-selected',
  'conflict-soft',
  'conflict-word',
];
const syntax = [
  'syn-keyword',
  'syn-string',
  'syn-number',
  'syn-function',
  'syn-property',
  'syn-tag',
  'syn-comment',
  'syn-punct',
];
const terminal = [
  'term-fg',
  'term-dim',
  'term-red',
  'term-green',
  'term-yellow',
  'term-blue',
  'term-magenta',
  'term-cyan',
];
const groups = [
  ['text', ['text'], [...page, ...code], 4.5],
  ['text-2, line numbers', ['text-2'], [...page, ...code, 'diff-add-gutter', 'diff-del-gutter'], 4.5],
  ['text-3, idle, stopped', ['text-3', 'idle', 'stopped'], page, 4.5],
  ['accent-text, working', ['accent-text', 'working'], [...page, 'accent-soft', 'working-soft'], 4.5],
  ['on-accent on accent', ['on-accent'], ['accent', 'accent-hover'], 4.5],
  ['added, ok', ['added', 'ok'], [...page, 'added-soft', 'ok-soft'], 4.5],
  ['modified, waiting', ['modified', 'waiting'], [...page, 'modified-soft', 'waiting-soft'], 4.5],
  ['deleted, attention', ['deleted', 'attention'], [...page, 'deleted-soft', 'attention-soft'], 4.5],
  ['renamed', ['renamed'], [...page, 'renamed-soft'], 4.5],
  ['conflict', ['conflict'], [...page, 'conflict-soft'], 4.5],
  ['risk', ['risk'], [...page, 'risk-soft'], 4.5],
  ['syntax, all 8', syntax, code, 4.5],
  ['terminal, all 8', terminal, ['term-bg', 'diff-add', 'diff-del'], 4.5],
  ['fields, check boxes (3)', ['border-control'], ['bg-window', 'bg-surface', 'bg-raised', 'bg-sunken'], 3],
  ['focus ring (3)', ['focus'], page, 3],
  ['chart line, limit (3)', ['chart-line', 'chart-limit'], ['bg-window'], 3],
];

let failed = 0;
const cells = groups.map(([name, fronts, backs, floor]) => {
  const worst = [light, dark].map((theme, i) => {
    const all = fronts.flatMap((f) => backs.map((b) => [ratio(theme[f], theme[b]), f, b]));
    for (const [r, f, b] of all)
      if (r < floor) {
        failed += 1;
        console.error(`below ${floor}: ${['light', 'dark'][i]} ${f} on ${b} = ${r.toFixed(2)}`);
      }
    return Math.min(...all.map(([r]) => r)).toFixed(1);
  });
  return `${name} | ${worst.join(' | ')}`;
});
console.log('| pair | light | dark | pair | light | dark |\n|---|---|---|---|---|---|');
const half = Math.ceil(cells.length / 2);
for (let i = 0; i < half; i += 1) console.log(`| ${cells[i]} | ${cells[i + half] ?? ' | | '} |`);
process.exit(failed ? 1 : 0);
