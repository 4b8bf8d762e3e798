import { cleanup, render, screen } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { afterEach, expect, it, vi } from 'vitest';
import ErrorPanel from './ErrorPanel.svelte';

afterEach(cleanup);

it('says what happened, keeps the details folded, and says that they were copied', async () => {
  const oncopy = vi.fn();
  const error = { code: 'io' as const, message: 'It broke.', safe: 'All of it.', details: 'os error 5' };
  render(ErrorPanel, { error, oncopy });
  expect(screen.getByRole('alert').textContent).toContain('What is safe');
  expect(screen.queryByText('os error 5')).toBeNull();
  const details = screen.getByRole('button', { name: 'Details' });
  expect(details.getAttribute('aria-expanded')).toBe('false');
  await userEvent.click(details);
  expect(screen.getByText('os error 5')).toBeTruthy();
  await userEvent.click(screen.getByRole('button', { name: 'Copy details' }));
  expect(oncopy).toHaveBeenCalledWith(expect.stringContaining('os error 5'));
  expect(screen.getByRole('button', { name: 'Copied' })).toBeTruthy();
});
