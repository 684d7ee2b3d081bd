import { defineCodes } from './types.js';

export const sourceCodes = defineCodes({});
