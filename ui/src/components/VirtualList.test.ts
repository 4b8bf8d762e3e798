import { cleanup, render, screen } from '@testing-library/svelte';
import { createRawSnippet } from 'svelte';
import { afterEach, expect, it, vi } from 'vitest';
import VirtualList from './VirtualList.svelte';

const row = createRawSnippet((index: () => number) => ({
  render: () => `<p data-testid="row">${index()}</p>`,
}));

afterEach(() => {
  cleanup();
  vi.restoreAllMocks();
});

it('draws no more rows than fit the window, whatever height its place gives the list', () => {
  vi.spyOn(Element.prototype, 'clientHeight', 'get').mockReturnValue(1_000_000);
  render(VirtualList, { count: 10_000, rowHeight: 1.75, row });
  const drawn = screen.getAllByTestId('row').length;
  const fit = window.innerHeight / 28;
  expect(drawn).toBeGreaterThan(fit);
  expect(drawn).toBeLessThan(fit + 20);
});
