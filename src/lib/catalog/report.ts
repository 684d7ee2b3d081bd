import { defineCodes } from './types.js';

export const reportCodes = defineCodes({});
