import { defineCodes } from './types.js';

export const playbookCodes = defineCodes({});
