// Looks for what a screen reader or a keyboard would stumble over, on every screen, in both themes and with large text.
// node pictures/access.mjs [part of a name]...
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { screens } from './screens.mjs';
import { settled, stage } from './stage.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const wanted = process.argv.slice(2);
const { open, close } = await stage();

let found = 0;
for (const { theme, text } of [
  { theme: 'light', text: 100 },
  { theme: 'dark', text: 100 },
  { theme: 'light', text: 200 },
]) {
  for (const screen of screens) {
    if (wanted.length > 0 && !wanted.some((part) => screen.name.includes(part))) continue;
    const where = `${screen.name} ${theme} ${text} %`;
    const page = await open(`text=${text}&${screen.query}`, { theme });
    try {
      await settled(page, { ...screen, settle: 50 });
      await screen.act?.(page);
      await settled(page, screen);
    } catch (error) {
      found += 1;
      console.error(`${where}: ${error.message.split('\n')[0]}`);
    }
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
      const nodes = violation.nodes.slice(0, 3).map((node) => node.target.join(' '));
      console.error(`${where}: ${violation.id} (${violation.impact}), ${violation.help}: ${nodes.join(' | ')}`);
    }
    await page.context().close();
  }
}
await close();
console.log(found === 0 ? 'nothing found' : `${found} found`);
process.exit(found ? 1 : 0);
