import js from '@eslint/js';
import svelte from 'eslint-plugin-svelte';
import globals from 'globals';
import ts from 'typescript-eslint';

const noTauri = {
  group: ['@tauri-apps/*'],
  message: 'Only src/ipc/tauri.ts may import Tauri; ask the backend instead.',
};

export default ts.config(
  { ignores: ['dist', 'dist-fake', 'artifacts', 'node_modules', 'src/ipc/generated'] },
  js.configs.recommended,
  ...ts.configs.recommended,
  ...svelte.configs.recommended,
  {
    languageOptions: { globals: { ...globals.browser, ...globals.node } },
    rules: {
      'no-undef': 'off',
      'no-control-regex': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/no-explicit-any': 'error',
      'svelte/no-at-html-tags': 'error',
      'svelte/require-each-key': 'error',
      'svelte/no-navigation-without-resolve': 'off',
      'svelte/prefer-svelte-reactivity': 'off',
      'no-restricted-imports': ['error', { patterns: [noTauri] }],
    },
  },
  {
    files: ['**/*.svelte', '**/*.svelte.ts'],
    languageOptions: { parserOptions: { parser: ts.parser } },
  },
  { files: ['src/ipc/tauri.ts', 'src/ipc/tauri.test.ts'], rules: { 'no-restricted-imports': 'off' } },
  {
    // Components know no feature.
    files: ['src/components/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            noTauri,
            { group: ['**/features/**'], message: 'Components know no feature.' },
            { group: ['**/ipc/current', '**/state/**'], message: 'Components get what they show by props.' },
          ],
        },
      ],
    },
  },
);
