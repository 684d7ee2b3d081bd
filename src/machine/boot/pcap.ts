/** Reads packet captures of QEMU's filter-dump (classic pcap, Ethernet) for what a guest sent and was given. */

export interface GuestTraffic {
  /** Frames that the guest sent. */
  readonly sent: number;
  readonly dhcpDiscover: number;
  readonly dhcpRequest: number;
  /** Address that a DHCP server acknowledged, the last one. */
  readonly lease?: string;
  /** IPv4 addresses that the guest announced or used as its own in ARP. */
  readonly arpSenders: readonly string[];
  /** Frames of IPv6 neighbour discovery and router solicitation. */
  readonly neighbourDiscovery: number;
}

const GLOBAL_HEADER = 24;
const RECORD_HEADER = 16;
const LONGEST_FRAME = 256 * 1024;
/** How user networking's own addresses begin. */
const OWN_MAC_PREFIX = '52:55:';

/** Frames of a capture. A capture that is being written ends with an incomplete record, which is left out. */
export function* pcapFrames(data: Buffer): Generator<Buffer> {
  if (data.length < GLOBAL_HEADER) return;
  const magic = data.readUInt32LE(0);
  const isLittle = magic === 0xa1b2c3d4 || magic === 0xa1b23c4d;
  if (!isLittle && magic !== 0xd4c3b2a1 && magic !== 0x4d3cb2a1) return;
  let at = GLOBAL_HEADER;
  while (at + RECORD_HEADER <= data.length) {
    const length = isLittle ? data.readUInt32LE(at + 8) : data.readUInt32BE(at + 8);
    if (length > LONGEST_FRAME || at + RECORD_HEADER + length > data.length) return;
    yield data.subarray(at + RECORD_HEADER, at + RECORD_HEADER + length);
    at += RECORD_HEADER + length;
  }
}

function macText(bytes: Buffer): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}

function ipText(bytes: Buffer): string {
  return [...bytes].join('.');
}

interface DhcpMessage {
  readonly type: number;
  readonly clientMac: string;
  readonly yourAddress: string;
}

/** The DHCP message in the payload of a UDP packet. */
function readDhcp(payload: Buffer): DhcpMessage | undefined {
  if (payload.length < 241 || payload.readUInt32BE(236) !== 0x63825363) return undefined;
  for (let at = 240; at + 1 < payload.length;) {
    const option = payload[at] ?? 255;
    if (option === 255) break;
    if (option === 0) {
      at += 1;
      continue;
    }
    const length = payload[at + 1] ?? 0;
    const type = payload[at + 2];
    if (option === 53 && length === 1 && type !== undefined) {
      return { type, clientMac: macText(payload.subarray(28, 34)), yourAddress: ipText(payload.subarray(16, 20)) };
    }
    at += 2 + length;
  }
  return undefined;
}

/**
 * What one adapter did on its network.
 * @param mac its address; without it everything counts that user networking did not send itself
 */
export function guestTraffic(capture: Buffer, mac?: string): GuestTraffic {
  const wanted = mac?.toLowerCase();
  const isGuest = (address: string): boolean =>
    wanted === undefined ? !address.startsWith(OWN_MAC_PREFIX) : address === wanted;
  const arpSenders = new Set<string>();
  const count = { sent: 0, dhcpDiscover: 0, dhcpRequest: 0, neighbourDiscovery: 0 };
  let lease: string | undefined;
  for (const frame of pcapFrames(capture)) {
    if (frame.length < 14) continue;
    const fromGuest = isGuest(macText(frame.subarray(6, 12)));
    if (fromGuest) count.sent += 1;
    const isTagged = frame.readUInt16BE(12) === 0x8100 && frame.length >= 18;
    const kind = frame.readUInt16BE(isTagged ? 16 : 12);
    const packet = frame.subarray(isTagged ? 18 : 14);
    if (kind === 0x0806 && fromGuest && packet.length >= 28) {
      const sender = ipText(packet.subarray(14, 18));
      // A probe for an address comes from nobody and asks for the address itself.
      arpSenders.add(sender === '0.0.0.0' ? ipText(packet.subarray(24, 28)) : sender);
    } else if (kind === 0x0800 && packet.length >= 20 && packet[9] === 17) {
      const header = ((packet[0] ?? 0) & 0x0f) * 4;
      const udp = packet.subarray(header);
      if (udp.length < 8) continue;
      const ports = [udp.readUInt16BE(0), udp.readUInt16BE(2)];
      if (!ports.includes(67) && !ports.includes(68)) continue;
      const message = readDhcp(udp.subarray(8));
      if (message === undefined || !isGuest(message.clientMac)) continue;
      if (message.type === 1) count.dhcpDiscover += 1;
      if (message.type === 3) count.dhcpRequest += 1;
      if (message.type === 5) lease = message.yourAddress;
    } else if (kind === 0x86dd && fromGuest && packet.length >= 41 && packet[6] === 58) {
      const type = packet[40] ?? 0;
      if (type >= 133 && type <= 136) count.neighbourDiscovery += 1;
    }
  }
  return { ...count, ...(lease === undefined ? {} : { lease }), arpSenders: [...arpSenders].sort() };
}
