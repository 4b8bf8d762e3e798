/** Colours code away from the window's own thread. */
import { createHighlighterCore, type HighlighterCore, type ThemeRegistration } from '@shikijs/core';
import { createJavaScriptRegexEngine } from '@shikijs/engine-javascript';
import { GRAMMARS } from './languages';
import { numberOf, roleOf, SCOPES, type HighlightAnswer, type HighlightRequest, type Role } from './roles';

const theme: ThemeRegistration = {
  name: 'roles',
  type: 'light',
  fg: numberOf(''),
  bg: numberOf(''),
  settings: [
    { settings: { foreground: numberOf('') } },
    ...Object.entries(SCOPES).map(([role, scope]) => ({ scope, settings: { foreground: numberOf(role as Role) } })),
  ],
};

let highlighter: Promise<HighlighterCore> | undefined;

function start(): Promise<HighlighterCore> {
  highlighter ??= createHighlighterCore({
    themes: [theme],
    langs: [],
    engine: createJavaScriptRegexEngine({ forgiving: true }),
  });
  return highlighter;
}

async function colour({ id, language, text }: HighlightRequest): Promise<HighlightAnswer> {
  const core = await start();
  const load = GRAMMARS[language];
  if (!load) return { id, lines: [] };
  if (!core.getLoadedLanguages().includes(language)) await core.loadLanguage(load());
  const lines = core.codeToTokensBase(text, {
    lang: language,
    theme: 'roles',
    tokenizeMaxLineLength: 2000,
    // For one line. The first ones also pay for the grammar's expressions.
    tokenizeTimeLimit: 2000,
  });
  let start_ = 0;
  return {
    id,
    lines: lines.map((tokens) => {
      const flat: number[] = [];
      const from = tokens[0]?.offset ?? start_;
      for (const token of tokens) {
        const role = roleOf(token.color);
        if (role) flat.push(token.offset - from, token.offset - from + token.content.length, role);
        start_ = token.offset + token.content.length;
      }
      return flat;
    }),
  };
}

addEventListener('message', (event: MessageEvent<HighlightRequest>) => {
  colour(event.data)
    .catch((): HighlightAnswer => ({ id: event.data.id, lines: [] }))
    .then((answer) => postMessage(answer));
});
