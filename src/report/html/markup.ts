/** HTML that is known to be safe: made from literals of this source and escaped values, nothing else. */
export class Markup {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

export type Value = Markup | string | number | undefined | false | readonly Value[];

/** Text as HTML text; fit for attribute values in double quotes too. Control and direction characters are shown, not passed on. */
function escapeText(text: string): string {
  if (!/[^ !#-%(-;=?-~\n\t]/.test(text)) return text;
  return text
    .replaceAll(
      /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
      '\ufffd',
    )
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

function render(value: Value): string {
  if (value === undefined || value === false) return '';
  if (value instanceof Markup) return value.text;
  if (Array.isArray(value)) return (value as readonly Value[]).map(render).join('');
  return escapeText(typeof value === 'number' ? String(value) : (value as string));
}

/** Literal parts stay, every value is escaped unless it is markup already. */
export function h(parts: TemplateStringsArray, ...values: readonly Value[]): Markup {
  let text = parts[0] ?? '';
  for (const [index, value] of values.entries()) text += render(value) + (parts[index + 1] ?? '');
  return new Markup(text);
}
