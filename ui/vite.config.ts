import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';
import { frozenPrototype } from './frozen-prototype.ts';

export default defineConfig(({ mode }) => ({
  plugins: [svelte(), frozenPrototype()],
  // Svelte's browser build, also under jsdom.
  resolve: mode === 'test' ? { conditions: ['browser'] } : {},
  clearScreen: false,
  server: { port: 1420, strictPort: true },
  build: {
    outDir: mode === 'fake' ? 'dist-fake' : 'dist',
    // What WebKitGTK 2.40, WKWebView 16 and WebView2 understand.
    target: ['safari16.4', 'chrome111'],
    // The content security policy has no place for inline scripts, nor for data: pictures.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    sourcemap: false,
    chunkSizeWarningLimit: 900,
  },
  worker: { format: 'es' as const },
  test: {
    environment: 'jsdom',
    setupFiles: ['src/test-setup.ts'],
    include: ['src/**/*.test.ts'],
    restoreMocks: true,
    // Generous: a build machine is busy.
    testTimeout: 60_000,
    // The test of the tokens reads the styles themselves.
    css: true,
  },
}));
