// Every screen that is pictured: its address, and what is done there first.
const tree = (name) => `[role="treeitem"]:has-text("${name}")`;

export const screens = [
  { name: '01-first-start', query: 'state=first-start', act: (page) => page.click('text=Log') },
  { name: '01b-no-engine', query: 'state=first-start-no-engine' },
  { name: '01c-fence', query: 'state=first-start-ok', act: (page) => page.click('text=What was tried') },
  { name: '02-empty', query: 'state=empty' },
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
  { name: '03d-hand-over-unusable', query: 'state=empty&overlay=hand-over&project=/home/mira/missing' },
  { name: '04-work', query: 'screen=work', settle: 600 },
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
  { name: '04d-large', query: 'screen=work&state=large', settle: 600 },
  { name: '04e-hostile', query: 'screen=work&state=hostile', settle: 600 },
  { name: '04f-memory', query: 'screen=work&sandbox=wedding-orders', settle: 600 },
  { name: '04g-stopped', query: 'screen=work&sandbox=flour-stock', settle: 600 },
  { name: '04h-unchanged', query: 'screen=work&sandbox=spring-menu', settle: 600 },
  {
    name: '04i-processes',
    query: 'screen=work',
    act: (page) => page.click('button:has-text("Processes")'),
    settle: 600,
  },
  { name: '04j-menu', query: 'screen=work', act: (page) => page.click('[data-testid="more"]'), settle: 600 },
  {
    name: '04k-remove',
    query: 'screen=work',
    act: async (page) => {
      await page.click('[data-testid="more"]');
      await page.click('[data-testid="remove-sandbox"]');
    },
  },
  { name: '04l-toast', query: 'screen=work', act: (page) => page.click('[data-testid="reset-button"]') },
  { name: '05-review', query: 'screen=review', settle: 900 },
  { name: '06-conflict', query: 'screen=conflict&path=data/opening-hours.json', settle: 900 },
  { name: '07-snapshots', query: 'screen=snapshots' },
  { name: '08-activity', query: 'screen=activity' },
  { name: '04h-site-prompt', query: 'screen=work&state=site-prompt', settle: 1200 },
  {
    name: '04i-network',
    query: 'screen=work&state=site-prompt',
    act: (page) => page.click('[data-testid="network"]'),
  },
  { name: '09h-settings-network', query: 'screen=settings&page=network' },
  { name: '09-settings', query: 'screen=settings' },
  { name: '10-palette', query: 'screen=work&overlay=palette', settle: 600 },
  { name: '11-error', query: 'screen=work&state=engine-stopped', settle: 600 },
];
