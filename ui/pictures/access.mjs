// Looks for what a screen reader or a keyboard would stumble over, on every screen, in both themes and with large text.
// node pictures/access.mjs [part of a name]...
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { build, preview } from 'vite';
import { screens } from './screens.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const wanted = process.argv.slice(2);

await build({ root, mode: 'fake', logLevel: 'error' });
const server = await preview({
  root,
  mode: 'fake',
  build: { outDir: 'dist-fake' },
  preview: { port: 0 },
  logLevel: 'error',
});
const base = server.resolvedUrls.local[0].replace(/\/$/, '');
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox'],
});

let found = 0;
for (const theme of ['light', 'dark']) {
  for (const screen of screens) {
    if (wanted.length > 0 && !wanted.some((part) => screen.name.includes(part))) continue;
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, colorScheme: theme });
    const page = await context.newPage();
    page.setDefaultTimeout(5000);
    await page.goto(`${base}/?latency=0&theme=${theme}&${screen.query}`);
    await screen.act?.(page);
    await page.waitForTimeout(screen.settle ?? 350);
    await page.evaluate(axe);
    // The terminal draws its own text in rows that stand for a screen, and is read by its own means.
    const result = await page.evaluate(() =>
      window.axe.run(
        { exclude: ['.xterm'] },
        {
          resultTypes: ['violations'],
          // Menus and notes float above the page and belong to no part of it.
          rules: { region: { enabled: false } },
        },
      ),
    );
    for (const violation of result.violations) {
      found += 1;
      const where = violation.nodes.slice(0, 3).map((node) => node.target.join(' '));
      console.error(
        `${screen.name} ${theme}: ${violation.id} (${violation.impact}), ${violation.help}: ${where.join(' | ')}`,
      );
    }
    await context.close();
  }
}
await browser.close();
await server.close();
console.log(found === 0 ? 'nothing found' : `${found} found`);
process.exit(found ? 1 : 0);
