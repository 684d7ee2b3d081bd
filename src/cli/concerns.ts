import type { Concern } from '../plan/index.js';

const MARKS: Readonly<Record<Concern['category'], string>> = { blocker: '✖', warning: '!', info: '·' };

/** Concerns for people, grouped by what they are about. */
export function concernsText(concerns: readonly Concern[]): string {
  const groups = new Map<string, Concern[]>();
  for (const concern of concerns) groups.set(concern.id, [...(groups.get(concern.id) ?? []), concern]);
  const lines: string[] = [];
  for (const [id, group] of groups) {
    for (const concern of group) {
      lines.push(
        `${MARKS[concern.category]} ${concern.label}: ${concern.assessment}${concern.waived === undefined ? '' : ` (accepted: ${concern.waived.reason})`}`,
      );
    }
    lines.push(`    ${group[0]?.remedy ?? ''} [${id}]`);
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}
