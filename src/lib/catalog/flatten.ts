import { defineCodes } from './types.js';

export const flattenCodes = defineCodes({});
