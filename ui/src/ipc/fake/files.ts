/** The files of the fake workspaces, small as in the mockups or with 100,000 entries. */
import type { FileView, Listing, LiveChange, LiveChanges, TreeEntry, WirePath } from '../index';
import { picture } from './picture';
import { KB, MB, RYE } from './rows';
import type { World } from './world';

const CHANGES: LiveChange[] = [
  change('.vscode/tasks.json', 'added', 14, null, 412, true),
  change('css/order.css', 'added', 96, null),
  change('css/site.css', 'modified', 31, 12),
  change('data/opening-hours.json', 'modified', 10, 2),
  change('images/hero-old.png', 'deleted', null, null, 1.4 * MB),
  change('images/oven.webp', 'added', null, null, 214 * KB),
  change('images/sourdough.jpg', 'modified', null, null, 312 * KB),
  change('js/hours.js', 'modified', 11, 3),
  change('js/order.js', 'added', 118, null),
  change('js/slider.js', 'deleted', null, 74),
  change('index.html', 'modified', 42, 18),
  change('menu.html', 'modified', 16, 5),
  change('order.html', 'added', 87, null),
  change('package.json', 'modified', 6, 3, 900, true),
  change('README.md', 'modified', 6, 2),
];

function change(
  text: string,
  status: LiveChange['status'],
  additions: number | null,
  deletions: number | null,
  size = 4 * KB,
  risky = false,
): LiveChange {
  return { path: { text }, status, additions, deletions, size, risky };
}

/** Names such as an attacker would choose; for the states `hostile`. */
const HOSTILE: LiveChange[] = [
  change('in\u202evoice\u202c.exe', 'added', 3, null),
  change('two\nlines.txt', 'added', 1, null),
  change('\u001b[31mred.md', 'modified', 1, 1),
  change('zero\u200bwidth.js', 'added', 2, null),
];

export function changesOf(world: World, sandbox: string): LiveChanges {
  const none = { changes: [], left_out: 0, incomplete: false };
  if (world.is('large')) return { ...none, changes: many(5_000), incomplete: true };
  if (world.is('unchanged')) return none;
  if (world.is('hostile')) return { ...none, changes: HOSTILE };
  if (sandbox === RYE) return { ...none, changes: CHANGES, left_out: 2 };
  const row = world.rows.find((other) => other.id === sandbox);
  return { ...none, changes: [...CHANGES, ...many(40)].slice(0, row?.changed ?? 0) };
}

function many(files: number): LiveChange[] {
  return Array.from({ length: files }, (_, at) =>
    change(`packages/part-${String(at % 120).padStart(3, '0')}/src/file-${at}.ts`, 'modified', (at * 7) % 90, at % 30),
  );
}

const OTHER = [
  'about.html',
  'contact.html',
  'css/print.css',
  'data/menu.json',
  'fonts/karla.woff2',
  'images/hero.png',
  'images/logo.svg',
  'js/menu.js',
  'js/site.js',
  'robots.txt',
];

function paths(): string[] {
  const gone = new Set(CHANGES.filter((entry) => entry.status === 'deleted').map((entry) => entry.path.text));
  return [...CHANGES.map((entry) => entry.path.text).filter((path) => !gone.has(path)), ...OTHER].sort();
}

export function folderOf(world: World, folder: string): Listing {
  if (world.is('large')) return largeFolder(folder);
  const prefix = folder ? `${folder}/` : '';
  const entries = new Map<string, TreeEntry>();
  for (const path of paths()) {
    if (!path.startsWith(prefix)) continue;
    const [name = '', ...rest] = path.slice(prefix.length).split('/');
    const is = rest.length > 0;
    const changed = CHANGES.find((entry) =>
      is ? entry.path.text.startsWith(`${prefix}${name}/`) : entry.path.text === path,
    );
    entries.set(name, {
      path: { text: prefix + name },
      name,
      kind: is ? 'dir' : 'file',
      size: changed?.size ?? 3 * KB,
      status: changed ? (is ? 'modified' : changed.status) : null,
      left_out: false,
    });
  }
  if (!folder)
    entries.set('node_modules', {
      path: { text: 'node_modules' },
      name: 'node_modules',
      kind: 'dir',
      size: 0,
      status: null,
      left_out: true,
    });
  const list = [...entries.values()].sort(
    (a, b) => Number(b.kind === 'dir') - Number(a.kind === 'dir') || a.name.localeCompare(b.name),
  );
  return { entries: list, more: 0 };
}

function largeFolder(folder: string): Listing {
  const entry = (name: string, kind: TreeEntry['kind']): TreeEntry => ({
    path: { text: folder ? `${folder}/${name}` : name },
    name,
    kind,
    size: 3 * KB,
    status: null,
    left_out: false,
  });
  if (!folder)
    return {
      entries: Array.from({ length: 20 }, (_, at) => entry(`package-${String(at).padStart(2, '0')}`, 'dir')),
      more: 0,
    };
  return {
    entries: Array.from({ length: 5_000 }, (_, at) => entry(`file-${String(at).padStart(4, '0')}.ts`, 'file')),
    more: 3_412,
  };
}

export function findIn(world: World, query: string, limit: number): WirePath[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const all = world.is('large') ? many(5_000).map((entry) => entry.path.text) : paths();
  return all
    .filter((path) => words.every((word) => path.toLowerCase().includes(word)))
    .slice(0, limit)
    .map((text) => ({ text }));
}

const MENU_HTML = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>Menu · Rye &amp; Salt</title>
    <link rel="stylesheet" href="css/site.css">
  </head>
  <body>
    <main>
      <h1>Menu</h1>
      <!-- Filled from data/menu.json -->
      <ul id="menu" class="menu-list"></ul>
      <p>Order bread for the next day until 16:00. <a href="order.html">Order here</a></p>
    </main>
    <script src="js/menu.js" type="module"></script>
  </body>
</html>
`;

const HOURS_JS = `// The sign above the door: open or closed, and until when.
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

export function dayOf(hours, now) {
  const key = now.toISOString().slice(0, 10);
  if (key in hours.holidays) return hours.holidays[key];
  return hours[DAYS[now.getDay()]];
}

export function isOpen(hours, now = new Date()) {
  const today = dayOf(hours, now);
  if (!today) return false;
  const minutes = now.getHours() * 60 + now.getMinutes();
  return minutes >= parse(today.open) && minutes < parse(today.close);
}
`;

export function fileOf(path: WirePath): FileView {
  const name = path.text;
  if (name.endsWith('.js')) return text(HOURS_JS);
  if (/\.(png|jpg|webp)$/.test(name))
    return {
      kind: 'image',
      mime: 'image/svg+xml',
      base64: picture(name, 'new'),
      size: 312 * KB,
      width: 640,
      height: 420,
    };
  if (name.endsWith('.woff2')) return { kind: 'binary', size: 48 * KB, description: 'Web Open Font Format 2' };
  if (name.endsWith('.json')) return text('{\n  "timezone": "Europe/Vienna",\n  "mon": null,\n  "holidays": {}\n}\n');
  return text(MENU_HTML);
}

function text(content: string): FileView {
  return { kind: 'text', text: content, size: content.length, encoding: 'UTF-8', cut: false };
}
