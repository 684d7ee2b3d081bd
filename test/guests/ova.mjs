/** Packs disks as an OVA the way VMware exports a machine. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { link, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { run } from './run.mjs';

/** @typedef {import('./index.d.mts').Recipe} Recipe */

/**
 * Writes `<hostname>.ova` into a directory: descriptor first, then manifest and disks.
 * @param {Recipe} recipe
 * @param {readonly string[]} disks streamOptimized VMDKs, in bus order
 * @param {string} dir on the same file system as the disks
 */
export async function packOva(recipe, disks, dir) {
  const names = disks.map((disk) => path.basename(disk));
  const sizes = await Promise.all(disks.map(async (disk) => (await stat(disk)).size));
  const ovf = `${recipe.hostname}.ovf`;
  const manifest = `${recipe.hostname}.mf`;
  await writeFile(path.join(dir, ovf), descriptor(recipe, names, sizes));
  for (const [index, disk] of disks.entries()) await link(disk, path.join(dir, names[index] ?? ''));
  const members = [ovf, ...names];
  const lines = [];
  for (const member of members) lines.push(`SHA256(${member})= ${await sha256(path.join(dir, member))}\n`);
  await writeFile(path.join(dir, manifest), lines.join(''));
  await run(
    'tar',
    [
      '--format=ustar',
      '--owner=someone:64',
      '--group=someone:64',
      '--mode=0644',
      '-cf',
      `${recipe.hostname}.ova`,
      ovf,
      manifest,
      ...names,
    ],
    { cwd: dir },
  );
  await run('rm', ['--', ovf, manifest, ...names], { cwd: dir });
}

/** @param {string} file */
async function sha256(file) {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

/**
 * @param {Recipe} recipe
 * @param {readonly string[]} names
 * @param {readonly number[]} sizes bytes
 * @returns {string}
 */
function descriptor(recipe, names, sizes) {
  const files = names.map((name, i) => `    <File ovf:href="${name}" ovf:id="file${i + 1}" ovf:size="${sizes[i]}"/>`);
  const disks = recipe.disks.map(
    (disk, i) =>
      `    <Disk ovf:capacity="${disk.sizeMiB}" ovf:capacityAllocationUnits="byte * 2^20" ovf:diskId="vmdisk${i + 1}" ovf:fileRef="file${i + 1}" ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/>`,
  );
  const diskItems = recipe.disks.map((_, i) =>
    item(`        <rasd:AddressOnParent>${i}</rasd:AddressOnParent>
        <rasd:ElementName>Hard Disk ${i + 1}</rasd:ElementName>
        <rasd:HostResource>ovf:/disk/vmdisk${i + 1}</rasd:HostResource>
        <rasd:InstanceID>${10 + i}</rasd:InstanceID>
        <rasd:Parent>3</rasd:Parent>
        <rasd:ResourceType>17</rasd:ResourceType>
        <vmw:Config ovf:required="false" vmw:key="backing.writeThrough" vmw:value="false"/>`),
  );
  const firmware = recipe.firmware === 'uefi' ? 'efi' : 'bios';
  return `<?xml version="1.0" encoding="UTF-8"?>
<Envelope vmw:buildId="build-22088981" xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:cim="http://schemas.dmtf.org/wbem/wscim/1/common" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1" xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData" xmlns:vmw="http://www.vmware.com/schema/ovf" xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <References>
${files.join('\n')}
  </References>
  <DiskSection>
    <Info>Virtual disk information</Info>
${disks.join('\n')}
  </DiskSection>
  <NetworkSection>
    <Info>The list of logical networks</Info>
    <Network ovf:name="VM Network">
      <Description>The VM Network network</Description>
    </Network>
  </NetworkSection>
  <VirtualSystem ovf:id="${recipe.hostname}">
    <Info>A virtual machine</Info>
    <Name>${recipe.hostname}</Name>
    <OperatingSystemSection ovf:id="96" vmw:osType="debian11_64Guest">
      <Info>The kind of installed guest operating system</Info>
      <Description>Debian GNU/Linux 11 (64-bit)</Description>
    </OperatingSystemSection>
    <VirtualHardwareSection>
      <Info>Virtual hardware requirements</Info>
      <System>
        <vssd:ElementName>Virtual Hardware Family</vssd:ElementName>
        <vssd:InstanceID>0</vssd:InstanceID>
        <vssd:VirtualSystemIdentifier>${recipe.hostname}</vssd:VirtualSystemIdentifier>
        <vssd:VirtualSystemType>vmx-19</vssd:VirtualSystemType>
      </System>
${item(`        <rasd:AllocationUnits>hertz * 10^6</rasd:AllocationUnits>
        <rasd:Description>Number of Virtual CPUs</rasd:Description>
        <rasd:ElementName>2 virtual CPU(s)</rasd:ElementName>
        <rasd:InstanceID>1</rasd:InstanceID>
        <rasd:ResourceType>3</rasd:ResourceType>
        <rasd:VirtualQuantity>2</rasd:VirtualQuantity>`)}
${item(`        <rasd:AllocationUnits>byte * 2^20</rasd:AllocationUnits>
        <rasd:Description>Memory Size</rasd:Description>
        <rasd:ElementName>1024MB of memory</rasd:ElementName>
        <rasd:InstanceID>2</rasd:InstanceID>
        <rasd:ResourceType>4</rasd:ResourceType>
        <rasd:VirtualQuantity>1024</rasd:VirtualQuantity>`)}
${item(`        <rasd:Address>0</rasd:Address>
        <rasd:Description>SCSI Controller</rasd:Description>
        <rasd:ElementName>SCSI Controller 1</rasd:ElementName>
        <rasd:InstanceID>3</rasd:InstanceID>
        <rasd:ResourceSubType>VirtualSCSI</rasd:ResourceSubType>
        <rasd:ResourceType>6</rasd:ResourceType>`)}
${diskItems.join('\n')}
${item(`        <rasd:Address>${recipe.network.mac}</rasd:Address>
        <rasd:AddressOnParent>7</rasd:AddressOnParent>
        <rasd:AutomaticAllocation>true</rasd:AutomaticAllocation>
        <rasd:Connection>VM Network</rasd:Connection>
        <rasd:Description>VmxNet3 ethernet adapter on "VM Network"</rasd:Description>
        <rasd:ElementName>Network adapter 1</rasd:ElementName>
        <rasd:InstanceID>40</rasd:InstanceID>
        <rasd:ResourceSubType>VmxNet3</rasd:ResourceSubType>
        <rasd:ResourceType>10</rasd:ResourceType>
        <vmw:Config ovf:required="false" vmw:key="wakeOnLanEnabled" vmw:value="true"/>`)}
      <vmw:Config ovf:required="false" vmw:key="cpuHotAddEnabled" vmw:value="false"/>
      <vmw:Config ovf:required="false" vmw:key="firmware" vmw:value="${firmware}"/>
      <vmw:Config ovf:required="false" vmw:key="tools.syncTimeWithHost" vmw:value="false"/>
    </VirtualHardwareSection>
  </VirtualSystem>
</Envelope>
`;
}

/** @param {string} content */
function item(content) {
  return `      <Item>\n${content}\n      </Item>`;
}
