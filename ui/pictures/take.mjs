// Pictures of every screen on the fake backend, in both themes and both sizes, into artifacts/.
// node pictures/take.mjs [part of a name]...
import { mkdirSync } from 'node:fs';
import { screens } from './screens.mjs';
import { settled, stage } from './stage.mjs';

const wanted = process.argv.slice(2);
const { root, open, close } = await stage();
const out = `${root}artifacts/`;
mkdirSync(out, { recursive: true });

let failed = 0;
for (const [width, height] of [
  [1280, 800],
  [900, 600],
]) {
  for (const theme of ['light', 'dark']) {
    for (const screen of screens) {
      const name = `${screen.name}-${width}x${height}-${theme}`;
      if (wanted.length > 0 && !wanted.some((part) => name.includes(part))) continue;
      const onerror = (message) => {
        failed += 1;
        console.error(`${name}: ${message}`);
      };
      const page = await open(screen.query, { width, height, theme, onerror });
      try {
        if (screen.act) await settled(page, { ...screen, settle: 50 });
        await screen.act?.(page);
        await settled(page, screen);
      } catch (error) {
        onerror(error.message.split('\n')[0]);
      }
      await page.screenshot({ path: `${out}${name}.png` });
      await page.context().close();
      console.log(name);
    }
  }
}
await close();
process.exit(failed ? 1 : 0);
