/** The seven stages: thin glue between the rooms. */
export { createConvertStage } from './convert.js';
export { createFetchStage } from './fetch.js';
export { createFixStage } from './fix.js';
export { createFlattenStage } from './flatten.js';
export { createInspectStage } from './inspect.js';
export { createPlanStage } from './plan.js';
export { placeProblem } from './product-place.js';
export { productsInTheWay } from './products.js';
export { createValidateStage } from './validate.js';
export { machineCacheDir } from './task-host.js';
