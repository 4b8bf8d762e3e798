/** Parts of speech of code. The stylesheet gives each a colour token; no colour is named here. */
export const ROLES = ['', 'keyword', 'string', 'number', 'function', 'property', 'tag', 'comment', 'punct'] as const;
export type Role = (typeof ROLES)[number];

/** A coloured part of a line, by UTF-16 units. */
export type Token = { from: number; to: number; role: Role };

/** What goes to the worker and comes back: for each line, triples of start, end and the role's place in `ROLES`. */
export type HighlightRequest = { id: number; language: string; text: string };
export type HighlightAnswer = { id: number; lines: number[][] };

/** Scopes of grammars by role; later ones and more exact ones win. */
export const SCOPES: Record<Exclude<Role, ''>, string[]> = {
  punct: [
    'punctuation',
    'keyword.operator',
    'meta.brace',
    'meta.delimiter',
    'punctuation.definition.template-expression',
  ],
  comment: ['comment', 'punctuation.definition.comment', 'string.quoted.docstring'],
  string: [
    'string',
    'punctuation.definition.string',
    'constant.other.symbol',
    'markup.inline.raw',
    'markup.fenced_code',
  ],
  number: ['constant.numeric', 'constant.character.escape', 'keyword.other.unit', 'constant.other.color'],
  keyword: [
    'keyword',
    'storage',
    'constant.language',
    'variable.language',
    'keyword.operator.new',
    'keyword.operator.expression',
    'keyword.operator.logical.python',
    'keyword.control',
    'support.type.primitive',
    'support.type.builtin',
    'markup.heading',
  ],
  function: [
    'entity.name.function',
    'support.function',
    'meta.function-call entity.name.function',
    'entity.name.command',
  ],
  property: [
    'support.type.property-name',
    'punctuation.support.type.property-name',
    'meta.object-literal.key',
    'entity.other.attribute-name',
    'variable.css',
    'entity.name.tag.yaml',
    'keyword.key.toml',
  ],
  tag: [
    'entity.name.tag',
    'entity.name.type',
    'entity.name.class',
    'entity.other.attribute-name.class',
    'support.class',
  ],
};

/** The grammars' theme: each role a number instead of a colour. */
export function numberOf(role: Role): string {
  return `#${String(ROLES.indexOf(role)).padStart(6, '0')}`;
}

export function roleOf(colour: string | undefined): number {
  const number = Number.parseInt(colour?.slice(1, 7) ?? '0', 10);
  return number > 0 && number < ROLES.length ? number : 0;
}
