/** The seven stages: thin glue between the rooms. */
export { createConvertStage } from './convert.js';
