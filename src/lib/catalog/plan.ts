import { defineCodes } from './types.js';

export const planCodes = defineCodes({});
