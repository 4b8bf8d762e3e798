// The interface on the fake backend in a browser: what the pictures, the look for hindrances, the journeys and the
// measurements share.
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { build, preview } from 'vite';

const root = fileURLToPath(new URL('..', import.meta.url));

/** The policy of the real window, without what only Tauri needs. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' blob:; font-src 'self'; connect-src 'self'";

/** Builds, serves and opens a browser. `open` gives a page of its own memory; `close` ends all. */
export async function stage() {
  await build({ root, mode: 'fake', logLevel: 'error' });
  const server = await preview({
    root,
    mode: 'fake',
    build: { outDir: 'dist-fake' },
    preview: { port: 0, strictPort: false, headers: { 'Content-Security-Policy': POLICY } },
    logLevel: 'error',
  });
  const base = server.resolvedUrls.local[0].replace(/\/$/, '');
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--force-color-profile=srgb'],
  });
  return {
    root,
    async open(query, { width = 1280, height = 800, theme = 'light', onerror = console.error } = {}) {
      const context = await browser.newContext({ viewport: { width, height }, colorScheme: theme });
      // As in the real window (`freezePrototype`).
      await context.addInitScript(() => Object.freeze(Object.prototype));
      const page = await context.newPage();
      // Generous: a build machine is busy.
      page.setDefaultTimeout(30_000);
      page.on('pageerror', (error) => onerror(error.message));
      page.on('console', (message) => {
        if (message.type() === 'error' && !message.location().url.endsWith('/favicon.ico')) onerror(message.text());
      });
      await page.goto(`${base}/?${query}&theme=${theme}&latency=0`);
      await page.evaluate(() => document.fonts.ready);
      return page;
    },
    async close() {
      await browser.close();
      await server.close();
    },
  };
}

/** Waits until nothing is being loaded any more, and a moment for what was just drawn. */
export async function settled(page, { loading = false, settle = 250 } = {}) {
  await page.waitForSelector('#app > *');
  if (!loading)
    await page.waitForFunction(
      () =>
        !document.querySelector('[aria-busy="true"]') && (document.querySelector('.place')?.children.length ?? 1) > 0,
    );
  await page.waitForTimeout(settle);
}
