import { defineCodes } from './types.js';

export const convertCodes = defineCodes({});
