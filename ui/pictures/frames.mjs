// How evenly very large lists scroll on the fake backend: the time between frames while the wheel turns, and the
// processor time of the page's own thread for each turn of the wheel, always as many, which a busy machine hardly
// lengthens. A frame has 16.7 ms.
// node pictures/frames.mjs [part of a name]...
import { settled, stage } from './stage.mjs';

const wanted = process.argv.slice(2);
/** Of the wheel, one a frame. */
const TURNS = 240;
const { open, close } = await stage();

const lists = [
  {
    name: 'tree of 100,000 files',
    query: 'screen=work&state=large',
    at: '[data-testid="all-files"] .scroller',
    async act(page) {
      await page.click('button:has-text("All files")');
      // From the last to the first, so that those still closed stay where they are.
      for (let at = 19; at >= 0; at -= 1)
        await page.click(`[role="treeitem"][data-path="package-${String(at).padStart(2, '0')}"]`);
    },
  },
  { name: 'review of 5,000 files', query: 'screen=review&state=large', at: '[role="tree"]' },
  {
    name: 'diff of 200,000 lines',
    query: 'screen=review&state=huge&path=data/export.csv',
    at: '[aria-label^="Changes of"]',
  },
  {
    name: 'diff of 200,000 lines, side by side',
    query: 'screen=review&state=huge&path=data/export.csv',
    at: '[aria-label^="Changes of"]',
    act: (page) => page.click('button:has-text("Side by side")'),
  },
  { name: 'activity of 6,400 entries', query: 'screen=activity&state=large', at: '[role="rowgroup"].scroller' },
];

/** The gaps between frames in milliseconds, while the list is scrolled by a wheel that does not stop. */
async function measure(page, at) {
  const box = await page.locator(at).boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('Performance.enable', { timeDomain: 'threadTicks' });
  const used = async () =>
    Object.fromEntries((await cdp.send('Performance.getMetrics')).metrics.map((one) => [one.name, one.value]));
  const before = await used();
  await page.evaluate(() => {
    window.frames_ = [];
    let last = performance.now();
    const tick = (now) => {
      window.frames_.push(now - last);
      last = now;
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  });
  let down = true;
  for (let turn = 0; turn < TURNS; turn += 1) {
    if (turn % 60 === 59) down = !down;
    await page.mouse.wheel(0, down ? 480 : -240);
    await page.waitForTimeout(16);
  }
  const gaps = await page.evaluate(() => window.frames_.slice(2));
  const after = await used();
  const spent = (name) => (1000 * (after[name] - before[name])) / TURNS;
  return { gaps, task: spent('TaskDuration'), script: spent('ScriptDuration'), layout: spent('LayoutDuration') };
}

const share = (sorted, part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];

console.log('list | rows drawn | frames | median | 95 % | longest | later than two frames | processor per turn');
for (const list of lists) {
  if (wanted.length > 0 && !wanted.some((part) => list.name.includes(part))) continue;
  const page = await open(list.query);
  await settled(page, { settle: 600 });
  await list.act?.(page);
  await settled(page, { settle: 600 });
  const { gaps, task, script, layout } = await measure(page, list.at);
  const rows = await page.locator(`${list.at} [role="treeitem"], ${list.at} [role="row"], ${list.at} .row`).count();
  const sorted = gaps.toSorted((a, b) => a - b);
  const late = gaps.filter((gap) => gap > 34).length;
  console.log(
    [
      list.name,
      rows,
      gaps.length,
      `${share(sorted, 0.5).toFixed(1)} ms`,
      `${share(sorted, 0.95).toFixed(1)} ms`,
      `${sorted.at(-1).toFixed(1)} ms`,
      `${((100 * late) / gaps.length).toFixed(1)} %`,
      `${task.toFixed(1)} ms (script ${script.toFixed(1)}, layout ${layout.toFixed(1)})`,
    ].join(' | '),
  );
  await page.context().close();
}
await close();
