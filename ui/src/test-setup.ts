/** jsdom lacks what components ask of a window; here is the least they need. */
import '@testing-library/jest-dom/vitest';
import { cleanup } from '@testing-library/svelte';
import { afterEach } from 'vitest';
import { configure } from '@testing-library/dom';

// Generous: a build machine is busy. What is waited for comes in a moment elsewhere.
configure({ asyncUtilTimeout: 15_000 });

afterEach(() => cleanup());

class NoResizeObserver {
  observe(): void {}
  unobserve(): void {}
  disconnect(): void {}
}
globalThis.ResizeObserver ??= NoResizeObserver as unknown as typeof ResizeObserver;
globalThis.matchMedia ??= ((query: string) => ({
  matches: false,
  media: query,
  addEventListener() {},
  removeEventListener() {},
  // As xterm listens.
  addListener() {},
  removeListener() {},
})) as unknown as typeof matchMedia;
Element.prototype.scrollIntoView ??= () => {};
Element.prototype.animate ??= (() => ({ cancel() {}, finished: Promise.resolve() })) as unknown as Element['animate'];
