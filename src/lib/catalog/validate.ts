import { defineCodes } from './types.js';

export const validateCodes = defineCodes({});
