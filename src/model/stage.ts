/** The seven stages of a virtual machine, in their one order. */
export const STAGES = ['FETCH', 'FLATTEN', 'INSPECT', 'PLAN', 'FIX', 'CONVERT', 'VALIDATE'] as const;
export type StageName = (typeof STAGES)[number];

export function isStageName(text: string): text is StageName {
  return (STAGES as readonly string[]).includes(text);
}

/** Position of a stage in the order, from 0. */
export function stageIndex(stage: StageName): number {
  return STAGES.indexOf(stage);
}
