import { defineCodes } from './types.js';

export const cliCodes = defineCodes({});
