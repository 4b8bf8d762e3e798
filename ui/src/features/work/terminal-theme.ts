/** The terminal's colours, read from the tokens that are in force. */
import type { ITheme } from '@xterm/xterm';

export function terminalTheme(root: Element = document.documentElement): ITheme {
  const style = getComputedStyle(root);
  const token = (name: string): string => style.getPropertyValue(name).trim();
  const colours = {
    red: token('--term-red'),
    green: token('--term-green'),
    yellow: token('--term-yellow'),
    blue: token('--term-blue'),
    magenta: token('--term-magenta'),
    cyan: token('--term-cyan'),
  };
  return {
    ...colours,
    brightRed: colours.red,
    brightGreen: colours.green,
    brightYellow: colours.yellow,
    brightBlue: colours.blue,
    brightMagenta: colours.magenta,
    brightCyan: colours.cyan,
    background: token('--term-bg'),
    foreground: token('--term-fg'),
    // Programs write with black and white on the background they expect: both must stay readable.
    black: token('--term-fg'),
    brightBlack: token('--term-dim'),
    white: token('--term-dim'),
    brightWhite: token('--term-fg'),
    cursor: token('--term-fg'),
    cursorAccent: token('--term-bg'),
    selectionBackground: token('--bg-selected'),
    selectionInactiveBackground: token('--bg-selected-quiet'),
    scrollbarSliderBackground: token('--border-strong'),
    scrollbarSliderHoverBackground: token('--border-control'),
    scrollbarSliderActiveBackground: token('--border-control'),
  };
}
