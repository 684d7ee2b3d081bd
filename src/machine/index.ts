/** Machines on QEMU: what runs here, how a guest is run, and the proof that one boots. */
export { probeAccelerator } from './accelerator.js';
export type { AcceleratorVerdict } from './accelerator.js';
export { findFirmware } from './firmware.js';
export { qemuFacts } from './qemu-facts.js';
export { qemuArgv } from './qemu-argv.js';
export type { BlockImage } from './qemu-argv.js';
export { proveBoot } from './boot/proof.js';
export type { BootProofRequest, BootProofResult } from './boot/proof.js';
export type { BootRequirements } from './boot/tracker.js';
export { INSTRUMENT_LINK, instrumentFiles, instrumentScript, withSerialConsole } from './boot/instrumentation.js';
export type { ReportPatience } from './boot/instrumentation.js';
export { parseReportLine } from './boot/report.js';
export { fileSha256 } from './boot/evidence.js';
export { checkImage, convertImage, imageInfo, imagesAreEqual, measureImage } from './images.js';
export { checkDomainXml } from './xml-ladder.js';
