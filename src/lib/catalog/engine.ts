import { defineCodes } from './types.js';

export const engineCodes = defineCodes({});
