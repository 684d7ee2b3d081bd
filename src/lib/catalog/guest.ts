import { defineCodes } from './types.js';

export const guestCodes = defineCodes({});
