import { defineCodes } from './types.js';

export const vmCodes = defineCodes({});
