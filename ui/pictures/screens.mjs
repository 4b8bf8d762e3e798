// Every screen that is pictured: its address, and what is done there first. `loading`: the picture is of the waiting.
const tree = (name) => `[role="treeitem"]:has-text("${name}")`;
const more = async (page, testid) => {
  await page.click('[data-testid="more"]');
  await page.click(`[data-testid="${testid}"]`);
};
const image = (how) => async (page) => {
  await page.click(`button:has-text("${how}")`);
};
/** Chooses three lines of `js/hours.js` and writes about them, as the mockup shows it. */
const comment = async (page) => {
  await page.click('[aria-label="Next change (n)"]');
  await page.focus('[aria-label^="Changes of"]');
  for (const key of ['ArrowDown', 'Shift+ArrowDown', 'Shift+ArrowDown']) await page.keyboard.press(key);
  await page.keyboard.press('c');
  await page.keyboard.type(
    'toISOString gives the date in UTC. The shop is in Vienna, so around midnight this reads the wrong day. Use the local date.',
  );
};
/** Follows the link that the terminal's first line begins with. */
const follow = async (page) => {
  await page.mouse.move(420, 100);
  await page.waitForTimeout(300);
  await page.mouse.click(420, 100);
  await page.waitForSelector('[role="dialog"]');
};
const openFully = async (page) => {
  await page.click('[data-testid="network"]');
  await page.click('[role="dialog"] button:text-is("Open")');
};
const SOURDOUGH = 'screen=review&path=images/sourdough.jpg';

export const screens = [
  { name: '01-first-start', query: 'state=first-start', act: (page) => page.click('text=Log') },
  { name: '01b-no-engine', query: 'state=first-start-no-engine' },
  { name: '01c-fence', query: 'state=first-start-ok', act: (page) => page.click('text=What was tried') },
  { name: '01d-no-permission', query: 'state=first-start-no-permission' },
  { name: '01e-not-running', query: 'state=first-start-not-running' },
  { name: '01f-fence-open', query: 'state=first-start-fence', act: (page) => page.click('text=What was tried') },
  { name: '01g-checking', query: 'state=first-start-slow', loading: true },
  { name: '02-empty', query: 'state=empty' },
  {
    name: '02b-empty-over',
    query: 'state=empty',
    act: (page) => page.evaluate(() => window.dispatchEvent(new DragEvent('dragover', { cancelable: true }))),
  },
  { name: '02c-asked', query: 'screen=empty&state=site-prompt&asks' },
  { name: '03-hand-over', query: 'state=empty&overlay=hand-over' },
  {
    name: '03b-hand-over-moved',
    query: 'state=empty&overlay=hand-over',
    act: async (page) => {
      await page.click('[aria-label="Put in .env"]');
      await page.click('[aria-label="Put in build"]');
      await page.click('text=Own command');
      await page.click('button:has-text("Limits")');
    },
  },
  {
    name: '03c-hand-over-progress',
    query: 'state=hand-over&overlay=hand-over',
    act: (page) => page.click('[data-testid="start"]'),
  },
  {
    name: '03e-hand-over-environment',
    query: 'state=empty&overlay=hand-over',
    act: async (page) => {
      await page.click('button:has-text("Environment")');
      await page.selectOption('select[aria-label="Environment"]', 'folder:dockerfile');
      await page.locator('text=before the fence').scrollIntoViewIfNeeded();
    },
  },
  {
    name: '03i-hand-over-open',
    query: 'state=empty&overlay=hand-over',
    act: async (page) => {
      await page.click('[data-testid="network-open"]');
      await page.click('[data-testid="start"]');
    },
  },
  { name: '03h-looking', query: 'state=empty-slow&overlay=hand-over', loading: true },
  { name: '03f-twin', query: 'screen=work&overlay=hand-over&project=/home/mira/Sites/rye-and-salt' },
  { name: '03g-text-200', query: 'state=empty&overlay=hand-over&text=200' },
  { name: '03d-hand-over-unusable', query: 'state=empty&overlay=hand-over&project=/home/mira/missing' },
  {
    name: '04-work',
    query: 'screen=work&state=site-prompt',
    act: async (page) => {
      await page.click(tree('menu.html'));
      await page.click('[role="tab"]:has-text("Claude Code")');
      await page.mouse.move(500, 300);
    },
  },
  { name: '04b-file', query: 'screen=work', act: (page) => page.click(tree('menu.html')), settle: 900 },
  {
    name: '04c-picture',
    query: 'screen=work',
    act: async (page) => {
      await page.click('button:has-text("All files")');
      await page.click(tree('images'));
      await page.click(tree('oven.webp'));
    },
  },
  { name: '04d-large', query: 'screen=work&state=large' },
  {
    name: '04d2-large-folder',
    query: 'screen=work&state=large',
    act: async (page) => {
      await page.click('button:has-text("All files")');
      await page.click(tree('package-00'));
    },
  },
  { name: '04e-hostile', query: 'screen=work&state=hostile' },
  { name: '04f-memory', query: 'screen=work&state=out-of-memory' },
  { name: '04g-stopped', query: 'screen=work&state=stopped' },
  { name: '04h-unchanged', query: 'screen=work&sandbox=spring-menu' },
  { name: '04i-processes', query: 'screen=work', act: (page) => page.click('button:has-text("Processes")') },
  { name: '04j-menu', query: 'screen=work', act: (page) => page.click('[data-testid="more"]') },
  { name: '04k-remove', query: 'screen=work', act: (page) => more(page, 'remove-sandbox') },
  { name: '04k2-limits', query: 'screen=work', act: (page) => more(page, 'shape-sandbox') },
  {
    name: '04k3-limits-isolation',
    query: 'screen=work&state=runtimes',
    act: (page) => more(page, 'shape-sandbox'),
  },
  { name: '04k3-log-in', query: 'screen=work', act: (page) => more(page, 'log-in-elsewhere') },
  { name: '04l-toast', query: 'screen=work', act: (page) => page.click('[data-testid="reset-button"]') },
  { name: '04m-site-prompts', query: 'screen=work&state=site-prompts' },
  {
    name: '04n-site-prompts-open',
    query: 'screen=work&state=site-prompts',
    act: (page) => page.click('button:has-text("2 more")'),
  },
  { name: '04n2-asked-elsewhere', query: 'screen=work&sandbox=spring-menu&state=site-prompts&asks' },
  {
    name: '04n3-enter',
    query: 'screen=work&state=site-prompt',
    act: async (page) => {
      await page.focus('[data-testid="site-once"]');
      await page.keyboard.press('Enter');
    },
  },
  { name: '04o-network', query: 'screen=work&state=site-prompt', act: (page) => page.click('[data-testid="network"]') },
  {
    name: '04o1-network-own-lists',
    query: 'screen=work',
    act: async (page) => {
      await page.click('[data-testid="network"]');
      await page.click('[role="switch"][aria-label^="GitHub"]');
    },
  },
  { name: '04o1b-open-fully', query: 'screen=work', act: openFully },
  { name: '04o1c-log-in-link', query: 'screen=work&state=log-in', act: follow },
  {
    name: '04o1d-log-in-no-way-back',
    query: 'screen=work&state=port-taken',
    act: async (page) => {
      await follow(page);
      await page.click('[data-testid="open-page"]');
    },
  },
  {
    name: '04o2b-preview-opening',
    query: 'screen=work&state=preview-slow',
    act: (page) => page.click('[data-testid="open-preview"]'),
    loading: true,
  },
  { name: '04o2-preview', query: 'screen=work&state=preview' },
  {
    name: '04o3-preview-ports',
    query: 'screen=work&state=preview',
    act: (page) => page.click('[data-testid="more-ports"]'),
  },
  { name: '04p-paused', query: 'screen=work&state=paused' },
  { name: '04q-disk-low', query: 'screen=work&state=disk-low' },
  { name: '04q-workspace-large', query: 'screen=work&state=workspace-large' },
  { name: '04r-reconnecting', query: 'screen=work&state=engine-connecting' },
  {
    name: '04s-start-failed',
    query: 'screen=work&state=failed',
    act: (page) => page.click('button:has-text("Details")'),
  },
  { name: '04t-watching', query: 'screen=work&state=watching' },
  { name: '04u-loading', query: 'screen=work&state=slow', loading: true },
  { name: '04w-processes-full', query: 'screen=work&state=processes-full' },
  { name: '04v-text-200', query: 'screen=work&state=site-prompt&text=200' },
  { name: '05-review', query: 'screen=review&path=js/hours.js', act: comment, settle: 600 },
  {
    name: '05b-review-side-by-side',
    query: 'screen=review&path=package.json',
    act: (page) => page.click('button:has-text("Side by side")'),
    settle: 600,
  },
  { name: '05c-copying', query: 'screen=review&state=copying', act: (page) => page.click('[data-testid="copy-out"]') },
  { name: '05d-copied', query: 'screen=review', act: (page) => page.click('[data-testid="copy-out"]') },
  { name: '05e-image', query: SOURDOUGH },
  { name: '05f-image-swipe', query: SOURDOUGH, act: image('Swipe') },
  { name: '05g-image-onion', query: SOURDOUGH, act: image('Onion skin') },
  { name: '05h-image-added', query: 'screen=review&path=images/oven.webp' },
  { name: '05i-large', query: 'screen=review&state=large' },
  { name: '05j-huge', query: 'screen=review&state=huge' },
  { name: '05k-nothing', query: 'screen=review&state=unchanged' },
  { name: '05l-capturing', query: 'screen=review&state=slow', loading: true },
  { name: '05m-hostile', query: 'screen=review&state=hostile' },
  { name: '05n-twins', query: 'screen=review&state=twins' },
  {
    name: '05o-no-match',
    query: 'screen=review',
    act: (page) => page.fill('[aria-label="Filter files"]', 'nothing like it'),
  },
  { name: '05p-text-200', query: 'screen=review&path=js/hours.js&text=200' },
  { name: '05q-moved', query: 'screen=review&state=more&path=js/price.js', settle: 600 },
  {
    name: '05q2-moved-side-by-side',
    query: 'screen=review&state=more&path=js/price.js',
    act: (page) => page.click('button:has-text("Side by side")'),
    settle: 600,
  },
  {
    name: '05r-footer-menu',
    query: 'screen=review&path=js/hours.js',
    act: (page) => page.click('[aria-label="More ways out and in"]:visible'),
  },
  {
    name: '05v-written',
    query: 'screen=review&path=js/hours.js',
    act: (page) => page.click('[aria-label="Show only what will be written"]'),
    settle: 600,
  },
  { name: '05s-lock-file', query: 'screen=review&state=more&path=package-lock.json' },
  { name: '05s2-generated', query: 'screen=review&state=more&path=dist/site.min.js' },
  { name: '05w-unfit', query: 'screen=review&state=more&path=notes%2F14%3A30%20tasting.md', settle: 600 },
  { name: '05t-copied', query: 'screen=review&state=more&path=de/about.html', settle: 600 },
  {
    name: '05u-filters',
    query: 'screen=review',
    act: (page) => page.click('[aria-label="More filters"]'),
  },
  { name: '05x-asked', query: 'screen=review&path=js/hours.js&state=site-prompts&asks', settle: 600 },
  { name: '05x2-asked-text-200', query: 'screen=review&path=js/hours.js&state=site-prompts&asks&text=200' },
  { name: '06-conflict', query: 'screen=conflict&path=data/opening-hours.json', settle: 600 },
  { name: '07-snapshots', query: 'screen=snapshots' },
  {
    name: '07b-two',
    query: 'screen=snapshots',
    act: (page) => page.click('[data-testid="snapshot"] >> nth=2', { modifiers: ['Control'] }),
  },
  {
    name: '07d-take-with-home',
    query: 'screen=snapshots',
    act: async (page) => {
      await page.click('[data-testid="take"]');
      await page.click('[role="checkbox"]');
    },
  },
  {
    name: '07e-reset-with-home',
    query: 'screen=snapshots',
    act: async (page) => {
      await page.click('[data-testid="snapshot"] >> nth=2');
      await page.click('button:has-text("Reset to")');
      await page.click('[role="switch"]');
    },
  },
  { name: '07c-only-baseline', query: 'screen=snapshots&state=no-snapshots' },
  { name: '07f-asked', query: 'screen=snapshots&state=site-prompt&asks' },
  { name: '08-activity', query: 'screen=activity&state=site-prompt' },
  { name: '08b-empty', query: 'screen=activity&state=no-activity' },
  { name: '08c-large', query: 'screen=activity&state=large' },
  { name: '09h-settings-network', query: 'screen=settings&page=network' },
  {
    name: '09i-settings-packages',
    query: 'screen=settings&page=engine',
    act: async (page) => {
      await page.fill('input[aria-label="Names of packages"]', 'ffmpeg graphviz');
      await page.click('button:has-text("Add")');
      await page.locator('text=Add packages').scrollIntoViewIfNeeded();
    },
  },
  { name: '09-settings', query: 'screen=settings' },
  { name: '09a-asked', query: 'screen=settings&state=site-prompts&asks' },
  { name: '09b-agents', query: 'screen=settings&page=agents' },
  {
    name: '09b2-agent-updated',
    query: 'screen=settings&page=agents&state=updating',
    act: (page) => page.click('[data-testid="update-claude"]'),
  },
  { name: '09c-network', query: 'screen=settings&page=network' },
  { name: '09c2-network-unread', query: 'screen=settings&page=network&state=lists-fail' },
  { name: '09c3-network-loading', query: 'screen=settings&page=network&state=slow', loading: true },
  { name: '09b3-agents-unread', query: 'screen=settings&page=agents&state=lists-fail' },
  {
    name: '09b4-first-key',
    query: 'screen=settings&page=agents',
    act: (page) => page.click('[aria-label="Add a key of OpenAI"]'),
  },
  {
    name: '09b5-own-server-kept',
    query: 'screen=settings&page=agents&state=keys-kept',
    act: (page) => page.click('[aria-label="Replace the key of Own model server"]'),
  },
  {
    name: '09b6-key-elsewhere',
    query: 'screen=settings&page=agents&state=keys-kept',
    act: (page) => page.click('[aria-label="Replace the key of OpenAI"]'),
  },
  { name: '09d-limits', query: 'screen=settings&page=limits' },
  { name: '09e-snapshots', query: 'screen=settings&page=snapshots' },
  { name: '09f-disk', query: 'screen=settings&page=disk' },
  {
    name: '09g-remove-everything',
    query: 'screen=settings&page=disk',
    act: (page) => page.click('button:has-text("Show the list")'),
  },
  {
    name: '09k-other-disk',
    query: 'screen=settings&page=disk',
    act: async (page) => {
      await page.click('button:has-text("Choose another disk")');
      await page.click('button:has-text("Choose folder")');
    },
  },
  { name: '09h-engine', query: 'screen=settings&page=engine' },
  { name: '09i-keyboard', query: 'screen=settings&page=keyboard' },
  { name: '09j-text-200', query: 'screen=settings&text=200' },
  {
    name: '10-palette',
    query: 'screen=work&overlay=palette',
    act: (page) => page.fill('[data-testid="palette"]', 'snap'),
  },
  { name: '10b-palette-all', query: 'screen=work&overlay=palette' },
  {
    name: '10c-palette-nothing',
    query: 'screen=work&overlay=palette',
    act: (page) => page.fill('[data-testid="palette"]', 'nothing like it'),
  },
  { name: '10d-keys', query: 'screen=review&overlay=shortcuts' },
  { name: '11-error', query: 'screen=work&state=engine-stopped' },
  {
    name: '11b-error-details',
    query: 'screen=work&state=engine-stopped',
    act: (page) => page.click('button:has-text("Details") >> nth=0'),
  },
];
