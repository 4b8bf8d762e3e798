/** Texts of the made-up project `rye-and-salt`, before and after the agent's work. */
import type { ChangeStatus, Decision, MadeBy, WireRisk, Unfit } from '../index';

export type FakeFile = {
  path: string;
  status: ChangeStatus;
  old: string | null;
  now: string | null;
  /** Set for images: bytes before and after. */
  sizes?: [number, number];
  decision: Decision;
  viewed?: boolean;
  conflict?: boolean;
  risks?: WireRisk[];
  notes?: string[];
  madeBy?: MadeBy;
  copiedFrom?: string;
  unfit?: Unfit;
  /** Hunks that are decided from the start, by place. */
  hunks?: Decision[];
};

const hoursBefore = `const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

// Opening hours come from a file, so that they can be changed
// without touching a page. Times are those of the shop.
const sign = document.querySelector("#open-sign");

async function loadHours() {
  const answer = await fetch("/data/opening-hours.json");
  return answer.json();
}

function minutes(text) {
  const [hour, minute] = text.split(":").map(Number);
  return hour * 60 + minute;
}

function isOpen(hours, now) {
  const today = hours[DAYS[now.getDay()]];
  if (!today) return false;
  const at = now.getHours() * 60 + now.getMinutes();
  const opens = minutes(today.open);
  const closes = minutes(today.close);
  return at >= opens && at < closes;
}

function label(hours, now) {
  return isOpen(hours, now) ? "Open now" : "Closed";
}

loadHours().then((hours) => {
  sign.textContent = label(hours, new Date());
  sign.hidden = false;
});
`;

const hoursNow = hoursBefore
  .replace(
    'fetch("/data/opening-hours.json");\n',
    'fetch("/data/opening-hours.json", { cache: "no-store" });\n  if (!answer.ok) throw new Error(`No opening hours: ${answer.status}`);\n',
  )
  .replace(
    'function isOpen(hours, now) {\n  const today = hours[DAYS[now.getDay()]];\n',
    'function dayOf(hours, now) {\n  const date = now.toISOString().slice(0, 10);\n  if (date in hours.holidays) return hours.holidays[date];\n  return hours[DAYS[now.getDay()]];\n}\n\nfunction isOpen(hours, now) {\n  const today = dayOf(hours, now);\n',
  )
  .replace(
    '  return isOpen(hours, now) ? "Open now" : "Closed";\n',
    '  if (!isOpen(hours, now)) return "Closed";\n  return `Open until ${dayOf(hours, now).close}`;\n',
  );

const packageBefore = `{
  "name": "rye-and-salt",
  "version": "2.3.0",
  "private": true,
  "description": "Website of the Rye and Salt bakery",
  "author": "Mira Novak",
  "license": "UNLICENSED",
  "type": "module",
  "engines": {
    "node": ">=20"
  },
  "scripts": {
    "start": "serve . --listen 5173",
    "images": "node tools/shrink-images.js",
    "build": "node tools/build.js"
  },
  "dependencies": {
    "date-holidays": "^3.23.12"
  },
  "devDependencies": {
    "prettier": "^3.3.3",
    "serve": "^14.2.1",
    "sharp": "^0.33.4"
  }
}
`;

const packageNow = packageBefore
  .replace('"2.3.0"', '"2.4.0"')
  .replace(
    '"build": "node tools/build.js"\n',
    '"build": "npm run check && node tools/build.js",\n    "check": "html-validate index.html menu.html order.html",\n    "postinstall": "node tools/setup.js"\n',
  )
  .replace('    "prettier"', '    "html-validate": "^8.24.0",\n    "prettier"')
  .replace('^14.2.1', '^14.2.4');

export const openingHours = {
  base: `{
  "timezone": "Europe/Vienna",
  "phone": "+43 1 555 01 24",
  "mon": null,
  "tue": { "open": "07:00", "close": "18:00" },
  "wed": { "open": "07:00", "close": "18:00" },
  "thu": { "open": "07:00", "close": "18:00" },
  "fri": { "open": "07:00", "close": "18:00" },
  "sat": { "open": "07:00", "close": "13:00" },
  "sun": null
}
`,
  holidays: `  "sun": null,
  "holidays": {
    "2026-12-08": { "open": "08:00", "close": "12:00" },
    "2026-12-24": { "open": "06:00", "close": "13:00" },
    "2026-12-25": null,
    "2026-12-26": null,
    "2027-01-01": null,
    "2027-01-06": null
  }
`,
};

const hoursFileNow = openingHours.base
  .replace('"07:00", "close": "13:00"', '"06:30", "close": "14:00"')
  .replace('  "sun": null\n', openingHours.holidays);

const tasks = `{
  "version": "2.0.0",
  "tasks": [
    {
      "label": "serve",
      "type": "shell",
      "command": "npm start",
      "isBackground": true,
      "runOptions": {
        "runOn": "folderOpen"
      }
    }
  ]
}
`;

/** Numbered lines of a kind of file, so that a diff of it looks like one. */
function lines(count: number, kind: 'css' | 'js' | 'html', salt = ''): string {
  const words = ['order', 'basket', 'loaf', 'pickup', 'holiday', 'crust', 'oven', 'total'];
  const made = Array.from({ length: count }, (_, at) => {
    const word = words[at % words.length] ?? 'loaf';
    if (kind === 'css')
      return at % 4 === 0
        ? `.${word}-${at}${salt} {`
        : at % 4 === 3
          ? `}${salt && ` /* ${at} */`}`
          : `  --${word}${salt}: ${at}px;`;
    if (kind === 'js')
      return at % 4 === 0
        ? `function ${word}${at}${salt}() {`
        : at % 4 === 3
          ? '}'
          : `  const ${word} = read("${word}", ${at});`;
    return at % 4 === 0
      ? `<section id="${word}-${at}${salt}">`
      : at % 4 === 3
        ? '</section>'
        : `  <p>The ${word} of the day, number ${at}.</p>`;
  });
  return made.join('\n') + '\n';
}

/** A text with some of its lines replaced by more of them. */
function edited(text: string, kind: 'css' | 'js' | 'html', edits: [number, number, number][]): string {
  const all = text.split('\n');
  for (const [at, remove, add] of [...edits].reverse()) {
    all.splice(at, remove, ...lines(add, kind, '-new').trimEnd().split('\n'));
  }
  return all.join('\n');
}

const site = lines(180, 'css');
const index = lines(120, 'html');
const menu = lines(90, 'html');
const readme = `# Rye and Salt

The website of the bakery.

    npm install
    npm start

Pages are plain HTML. Opening hours are in
data/opening-hours.json.

## Deploy

Copy the folder to the server.
`;

export const ryeAndSalt: FakeFile[] = [
  {
    path: '.vscode/tasks.json',
    status: 'added',
    old: null,
    now: tasks,
    decision: 'undecided',
    risks: [{ class: 'runs_by_itself', reason: 'VS Code can run these tasks when the folder is opened.' }],
  },
  { path: 'css/order.css', status: 'added', old: null, now: lines(96, 'css'), decision: 'accepted', viewed: true },
  {
    path: 'css/site.css',
    status: 'modified',
    old: site,
    now: edited(site, 'css', [
      [12, 4, 11],
      [80, 6, 14],
      [150, 2, 6],
    ]),
    decision: 'accepted',
    viewed: true,
  },
  {
    path: 'data/opening-hours.json',
    status: 'modified',
    old: openingHours.base,
    now: hoursFileNow,
    decision: 'undecided',
    conflict: true,
  },
  {
    path: 'images/hero-old.png',
    status: 'deleted',
    old: null,
    now: null,
    sizes: [1_468_006, 0],
    decision: 'accepted',
    viewed: true,
  },
  {
    path: 'images/oven.webp',
    status: 'added',
    old: null,
    now: null,
    sizes: [0, 219_136],
    decision: 'accepted',
    viewed: true,
  },
  {
    path: 'images/sourdough.jpg',
    status: 'modified',
    old: null,
    now: null,
    sizes: [884_736, 319_488],
    decision: 'accepted',
  },
  {
    path: 'js/hours.js',
    status: 'modified',
    old: hoursBefore,
    now: hoursNow,
    decision: 'partly',
    hunks: ['rejected', 'accepted', 'accepted'],
  },
  { path: 'js/order.js', status: 'added', old: null, now: lines(118, 'js'), decision: 'accepted' },
  { path: 'js/slider.js', status: 'deleted', old: lines(74, 'js'), now: null, decision: 'accepted', viewed: true },
  {
    path: 'index.html',
    status: 'modified',
    old: index,
    now: edited(index, 'html', [
      [8, 6, 20],
      [60, 12, 22],
    ]),
    decision: 'accepted',
    viewed: true,
  },
  { path: 'menu.html', status: 'modified', old: menu, now: edited(menu, 'html', [[30, 5, 16]]), decision: 'accepted' },
  { path: 'order.html', status: 'added', old: null, now: lines(87, 'html'), decision: 'accepted' },
  {
    path: 'package.json',
    status: 'modified',
    old: packageBefore,
    now: packageNow,
    decision: 'undecided',
    risks: [
      {
        class: 'runs_on_build',
        reason:
          'The change adds the script “postinstall”, which every “npm install” starts, and makes “build” run “check”.',
      },
    ],
  },
  {
    path: 'README.md',
    status: 'modified',
    old: readme,
    now: readme.replace(
      'Pages are plain HTML. Opening hours are in\ndata/opening-hours.json.',
      'Pages are plain HTML. Opening hours and public holidays are in\ndata/opening-hours.json, times are those of the shop.\n\n## Orders\n\nOrders are sent by mail, see js/order.js.',
    ),
    decision: 'accepted',
  },
];
