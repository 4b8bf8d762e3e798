// Goes the ways of a user from start to end on the fake backend, by the keyboard alone, and says what did not work.
// node pictures/journeys.mjs [part of a name]...
import { settled, stage } from './stage.mjs';

const wanted = process.argv.slice(2);
const { open, close } = await stage();

/** What has the focus, in words. */
const focus = (page) =>
  page.evaluate(() => {
    const at = document.activeElement;
    if (!at || at === document.body) return '';
    return (at.getAttribute('aria-label') ?? at.textContent ?? '').trim().replace(/\s+/g, ' ').slice(0, 60);
  });
/** Tab until what has the focus says it; the focus must be seen on the way. */
async function tabTo(page, words, most = 60) {
  for (let pressed = 0; pressed < most; pressed += 1) {
    await page.keyboard.press('Tab');
    if ((await focus(page)).includes(words)) return;
  }
  throw new Error(`Tab does not lead to “${words}”`);
}
const press = async (page, ...keys) => {
  for (const key of keys) await page.keyboard.press(key);
};
const has = (page, text) => page.getByText(text, { exact: false }).first().waitFor({ state: 'visible' });
const gone = (page, selector) => page.waitForSelector(selector, { state: 'detached' });
async function focused(page, words) {
  await page.waitForFunction((text) => {
    const at = document.activeElement;
    return (at?.getAttribute('aria-label') ?? at?.textContent ?? '').includes(text);
  }, words);
}
/** The focus ring is drawn on what has the focus. */
async function ringed(page) {
  const ring = await page.evaluate(() => getComputedStyle(document.activeElement).boxShadow);
  if (ring === 'none') throw new Error(`no ring around “${await focus(page)}”`);
}

const journeys = {
  'first start to a sandbox': async () => {
    const page = await open('state=first-start-ok');
    await has(page, 'All of them are');
    await tabTo(page, 'Continue');
    await ringed(page);
    await press(page, 'Enter');
    return page;
  },
  'hand over': async () => {
    const page = await open('state=empty');
    await focused(page, 'Choose folder');
    await press(page, 'Enter');
    await focused(page, 'Start');
    await ringed(page);
    await press(page, 'Shift+Tab', 'Shift+Tab', 'Shift+Tab');
    await press(page, 'ArrowRight');
    await tabTo(page, 'Start');
    await press(page, 'Enter');
    await gone(page, '[role="dialog"]');
    await has(page, 'Nothing has changed yet');
    return page;
  },
  'cancel a hand-over': async () => {
    const page = await open('state=hand-over');
    await press(page, 'Control+o');
    await focused(page, 'Start');
    await press(page, 'Enter');
    await has(page, 'Your folder stays as it is');
    await focused(page, 'Cancel');
    return page;
  },
  'review and copy out': async () => {
    const page = await open('screen=review&path=menu.html');
    await settled(page);
    const name = () => page.textContent('.file h2');
    await press(page, 'j');
    if (!(await name()).includes('order.html')) throw new Error(`j leads to ${await name()}`);
    await press(page, 'k', 'n', 'p', 'v', 'x');
    await has(page, '11 files');
    await press(page, 'a');
    await has(page, '12 files');
    await press(page, '/');
    await focused(page, 'Filter files');
    await page.keyboard.type('hours');
    await press(page, 'Enter', 'j');
    await press(page, 'c');
    await page.keyboard.type('Use the local date.');
    await press(page, 'Control+Enter');
    await has(page, '1 comment');
    await press(page, 'Control+Enter');
    await has(page, 'Copied 12 files');
    await tabTo(page, 'Undo', 120);
    await press(page, 'Enter');
    await has(page, 'The copy-out was undone');
    return page;
  },
  'settle a conflict': async () => {
    const page = await open('screen=review&path=data/opening-hours.json');
    await settled(page);
    await tabTo(page, 'Settle the conflict', 80);
    await press(page, 'Enter');
    await has(page, 'Not decided');
    await tabTo(page, 'Take agent’s', 60);
    await press(page, 'Enter');
    await tabTo(page, 'Use this merge', 60);
    await press(page, 'Enter');
    await has(page, '13 files');
    return page;
  },
  'snapshot, reset, undo': async () => {
    const page = await open('screen=snapshots');
    await settled(page);
    await press(page, 'Control+k');
    await page.keyboard.type('take a snap');
    await press(page, 'Enter');
    await has(page, 'Snapshot taken');
    await tabTo(page, 'Name it', 120);
    await press(page, 'Enter');
    await focused(page, 'Name');
    await page.keyboard.type('Before lunch');
    await press(page, 'Enter');
    await has(page, 'Before lunch');
    await press(page, 'Control+k');
    await page.keyboard.type('reset the');
    await press(page, 'Enter');
    await has(page, 'Workspace reset');
    await tabTo(page, 'Undo', 160);
    await press(page, 'Enter');
    await has(page, 'The reset was undone');
    return page;
  },
  'answer a site': async () => {
    const page = await open('screen=work&state=site-prompts');
    await settled(page);
    await page.waitForSelector('.xterm-helper-textarea:focus');
    if ((await focus(page)).includes('Allow')) throw new Error('the question took the focus');
    await press(page, 'F6');
    await focused(page, 'Block');
    await ringed(page);
    await press(page, 'Shift+Tab', 'Shift+Tab');
    await focused(page, 'Allow once');
    await press(page, 'Enter');
    await has(page, 'Enter does not allow');
    await press(page, 'Space');
    await has(page, 'crates.io');
    return page;
  },
  'palette, keys, panels': async () => {
    const page = await open('screen=review');
    await settled(page);
    await page.focus('[data-testid="copy-out"]');
    await press(page, 'Control+k');
    await has(page, 'all keys');
    await press(page, 'Escape');
    await gone(page, '[data-testid="palette"]');
    await focused(page, 'Copy out');
    await press(page, '?');
    await has(page, 'Keyboard shortcuts');
    await press(page, 'Escape');
    await gone(page, '[role="dialog"]');
    await focused(page, 'Copy out');
    const seen = new Set();
    for (let at = 0; at < 8; at += 1) {
      await press(page, 'F6');
      seen.add(await focus(page));
      await ringed(page).catch(() => undefined);
    }
    if (seen.size < 4) throw new Error(`F6 leads only to ${[...seen].join(' | ')}`);
    await press(page, 'Alt+1');
    await has(page, 'Claude Code');
    return page;
  },
  'single keys turned off': async () => {
    const page = await open('screen=settings&page=keyboard');
    await settled(page);
    await tabTo(page, 'Single keys', 60);
    await press(page, 'Space');
    await press(page, 'Control+k');
    await focused(page, 'What to do');
    await page.keyboard.type('rye');
    await press(page, 'Enter');
    await page.waitForSelector('.xterm-helper-textarea:focus');
    await press(page, 'Control+Shift+E');
    await has(page, 'will be copied');
    const before = await page.textContent('.file h2');
    await press(page, 'j');
    if ((await page.textContent('.file h2')) !== before) throw new Error('j still works');
    return page;
  },
  'sheets give the focus back': async () => {
    const page = await open('screen=work');
    await settled(page);
    for (const [opener, words] of [
      ['[data-testid="network"]', 'Network'],
      ['button.reading', 'Processes in the sandbox'],
    ]) {
      await page.focus(opener);
      const before = await focus(page);
      await press(page, 'Enter');
      await page.getByRole('dialog').getByText(words, { exact: false }).first().waitFor();
      await press(page, 'Escape');
      await gone(page, '[role="dialog"]');
      await focused(page, before.slice(0, 20));
    }
    await page.focus('[data-testid="more"]');
    await press(page, 'Enter');
    await page.getByRole('menu').waitFor();
    await page.keyboard.type('ren');
    await press(page, 'Enter');
    await focused(page, 'Name');
    await press(page, 'Escape');
    await focused(page, 'More');
    return page;
  },
  'remembered by the next window': async () => {
    const page = await open('screen=work');
    await settled(page);
    await page.click('[role="treeitem"]:has-text("menu.html")');
    await page.focus('[aria-label="Width of the file panel"]');
    await press(page, 'ArrowLeft', 'ArrowLeft');
    await press(page, 'Control+Shift+E');
    await settled(page);
    await page.evaluate(() => history.replaceState(null, '', '/?latency=0'));
    await page.reload();
    await settled(page);
    await has(page, 'will be copied');
    await press(page, 'Alt+1');
    await page.getByRole('tab', { name: 'menu.html' }).waitFor();
    const width = await page.evaluate(() => document.querySelector('.files').clientWidth);
    if (width < 310) throw new Error(`the file panel is ${width} wide again`);
    return page;
  },
  'a site that is asked for, from the review': async () => {
    const page = await open('screen=review&state=site-prompts&asks');
    await has(page, 'asks for');
    await press(page, 'Control+Shift+A');
    await focused(page, 'Block');
    await ringed(page);
    // The terminal beside it opens, and leaves the focus where it is.
    await page.waitForSelector('.xterm-rows');
    await page.waitForTimeout(500);
    await focused(page, 'Block');
    await press(page, 'Shift+Tab', 'Enter');
    await has(page, 'holidays.example');
    await press(page, 'Tab', 'Enter');
    await page.waitForFunction(() => !document.querySelector('[data-question]').textContent.includes('holidays'));
    // By F6 from the terminal, too.
    await page.click('.xterm');
    for (let tried = 0; tried < 8 && (await focus(page)) !== 'Block'; tried += 1) await press(page, 'F6');
    await focused(page, 'Block');
    return page;
  },
};

let failed = 0;
for (const [name, go] of Object.entries(journeys)) {
  if (wanted.length > 0 && !wanted.some((part) => name.includes(part))) continue;
  try {
    const page = await go();
    await page.context().close();
    console.log(`ok      ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`failed  ${name}: ${error.message.split('\n')[0]}`);
  }
}
await close();
process.exit(failed ? 1 : 0);
