import type { Plugin } from 'vite';

/**
 * The window freezes `Object.prototype` before any script runs. xterm.js then fails where it assigns `toString` to a
 * plain object: an inherited property that is read-only cannot be assigned, only defined. Defines it instead.
 */
export function frozenPrototype(): Plugin {
  return {
    name: 'frozen-prototype',
    apply: 'build',
    enforce: 'pre',
    transform(code, id) {
      if (!/@xterm[\\/]xterm[\\/]lib[\\/]xterm\.m?js/.test(id)) return null;
      let found = 0;
      const changed = code.replace(
        /([;{}])(\w+)\.toString=(\w+);/g,
        (_all, before: string, object: string, value: string) => {
          found += 1;
          return `${before}Object.defineProperty(${object},"toString",{value:${value},writable:!0,configurable:!0,enumerable:!0});`;
        },
      );
      if (found === 0) this.error('xterm.js no longer assigns toString; remove this plugin');
      return { code: changed, map: null };
    },
  };
}
