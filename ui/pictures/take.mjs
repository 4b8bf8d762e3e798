// Pictures of every screen on the fake backend, in both themes and both sizes, into artifacts/.
// node pictures/take.mjs [part of a name]...
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { build, preview } from 'vite';
import { screens } from './screens.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const out = `${root}artifacts/`;
mkdirSync(out, { recursive: true });
const wanted = process.argv.slice(2);

await build({ root, mode: 'fake', logLevel: 'error' });
const server = await preview({
  root,
  mode: 'fake',
  build: { outDir: 'dist-fake' },
  // The policy of the real window, without what only Tauri needs.
  preview: {
    port: 0,
    strictPort: false,
    headers: {
      'Content-Security-Policy':
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' blob:; font-src 'self'; connect-src 'self'",
    },
  },
  logLevel: 'error',
});
const base = server.resolvedUrls.local[0].replace(/\/$/, '');
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--force-color-profile=srgb'],
});

let failed = 0;
for (const size of [
  { name: '1280x800', width: 1280, height: 800 },
  { name: '900x600', width: 900, height: 600 },
]) {
  for (const theme of ['light', 'dark']) {
    for (const screen of screens) {
      const name = `${screen.name}-${size.name}-${theme}`;
      if (wanted.length > 0 && !wanted.some((part) => name.includes(part))) continue;
      // A context of its own, so that nothing is remembered from the picture before.
      const context = await browser.newContext({ viewport: size, colorScheme: theme });
      // As in the real window (`freezePrototype`).
      await context.addInitScript(() => Object.freeze(Object.prototype));
      const page = await context.newPage();
      page.setDefaultTimeout(5000);
      page.on('pageerror', (error) => {
        failed += 1;
        console.error(`${name}: ${error.message}`);
      });
      page.on('console', (message) => {
        if (message.type() === 'error') console.error(`${name}: ${message.text()}`);
      });
      await page.goto(`${base}/?latency=0&theme=${theme}&${screen.query}`);
      await page.evaluate(() => document.fonts.ready);
      try {
        await screen.act?.(page);
      } catch (error) {
        failed += 1;
        console.error(`${name}: ${error.message.split('\n')[0]}`);
      }
      await page.waitForTimeout(screen.settle ?? 350);
      await page.screenshot({ path: `${out}${name}.png` });
      await context.close();
      console.log(name);
    }
  }
}
await browser.close();
await server.close();
process.exit(failed ? 1 : 0);
