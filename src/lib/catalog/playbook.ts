import { playbookMeaningCodes } from './playbook-meaning.js';
import { playbookTextCodes } from './playbook-text.js';
import { selectCodes } from './select.js';

export const playbookCodes = { ...playbookTextCodes, ...playbookMeaningCodes, ...selectCodes } as const;
