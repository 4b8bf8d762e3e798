import { expect, test, vi } from 'vitest';
import { Typing } from './typing';

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytes = (written: string): Uint8Array => new TextEncoder().encode(written);

test('keys arrive in the order they were struck, however long each takes', async () => {
  const arrived: string[] = [];
  const send = async (message: Uint8Array): Promise<void> => {
    // The later, the sooner: without a queue the order would turn round.
    await new Promise((done) => setTimeout(done, 20 - arrived.length));
    arrived.push(text(message));
  };
  const typing = new Typing(send, () => expect.unreachable());
  for (const key of 'sed -i') typing.type(bytes(key));
  await vi.waitFor(() => expect(arrived.join('')).toBe('sed -i'));
  expect(arrived, 'what was struck meanwhile goes together').toEqual(['s', 'ed -i']);
});

test('a large paste goes in pieces', async () => {
  const lengths: number[] = [];
  const typing = new Typing(
    async (message) => void lengths.push(message.length),
    () => expect.unreachable(),
    10,
  );
  typing.type(new Uint8Array(25));
  await vi.waitFor(() => expect(lengths).toEqual([10, 10, 5]));
});

test('after a failure nothing that was waiting is sent, and the next key is', async () => {
  const arrived: string[] = [];
  const failures: unknown[] = [];
  const send = async (message: Uint8Array): Promise<void> => {
    if (text(message) === 'r') throw new Error('gone');
    arrived.push(text(message));
  };
  const typing = new Typing(send, (cause) => failures.push(cause));
  typing.type(bytes('r'));
  typing.type(bytes('m -rf\n'));
  await vi.waitFor(() => expect(failures).toHaveLength(1));
  typing.type(bytes('x'));
  await vi.waitFor(() => expect(arrived).toEqual(['x']));
});
