import { describe, expect, it } from 'vitest';
import { guestTraffic, pcapFrames } from './pcap.js';

const GUEST = '00:50:56:3a:5b:7c';
const SERVER = '52:55:0a:00:02:02';

const mac = (text: string): Buffer => Buffer.from(text.replaceAll(':', ''), 'hex');
const ip = (text: string): Buffer => Buffer.from(text.split('.').map(Number));

function frame(from: string, to: string, kind: number, payload: Buffer): Buffer {
  const type = Buffer.alloc(2);
  type.writeUInt16BE(kind);
  return Buffer.concat([mac(to), mac(from), type, payload]);
}

function arp(from: string, sender: string, target: string): Buffer {
  const head = Buffer.from('0001080006040001', 'hex');
  const payload = Buffer.concat([head, mac(from), ip(sender), Buffer.alloc(6), ip(target)]);
  return frame(from, 'ff:ff:ff:ff:ff:ff', 0x0806, payload);
}

function dhcp(from: string, type: number, yours: string, client = GUEST): Buffer {
  const bootp = Buffer.alloc(240);
  ip(yours).copy(bootp, 16);
  mac(client).copy(bootp, 28);
  bootp.writeUInt32BE(0x63825363, 236);
  const payload = Buffer.concat([bootp, Buffer.from([0, 55, 2, 1, 3, 53, 1, type, 255])]);
  const udp = Buffer.alloc(8);
  const ports = from === SERVER ? [67, 68] : [68, 67];
  udp.writeUInt16BE(ports[0] ?? 0, 0);
  udp.writeUInt16BE(ports[1] ?? 0, 2);
  const header = Buffer.alloc(20);
  header[0] = 0x45;
  header[9] = 17;
  return frame(from, 'ff:ff:ff:ff:ff:ff', 0x0800, Buffer.concat([header, udp, payload]));
}

function pcap(frames: readonly Buffer[], little = true): Buffer {
  const word = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    if (little) bytes.writeUInt32LE(value);
    else bytes.writeUInt32BE(value);
    return bytes;
  };
  const records = frames.map((data) => Buffer.concat([word(1), word(2), word(data.length), word(data.length), data]));
  return Buffer.concat([word(0xa1b2c3d4), Buffer.alloc(16), word(1), ...records]);
}

describe('a packet capture', () => {
  it('shows a lease from discovery to acknowledgement', () => {
    const frames = [
      ...[dhcp(GUEST, 1, '0.0.0.0'), dhcp(SERVER, 2, '10.0.2.15'), dhcp(GUEST, 3, '0.0.0.0')],
      ...[dhcp(SERVER, 5, '10.0.2.15'), arp(GUEST, '0.0.0.0', '10.0.2.15'), arp(GUEST, '10.0.2.15', '10.0.2.2')],
    ];
    const expected = {
      ...{ sent: 4, dhcpDiscover: 1, dhcpRequest: 1, lease: '10.0.2.15' },
      ...{ arpSenders: ['10.0.2.15'], neighbourDiscovery: 0 },
    };
    expect(guestTraffic(pcap(frames), GUEST.toUpperCase())).toEqual(expected);
    expect(guestTraffic(pcap(frames, false), GUEST)).toEqual(expected);
    expect(guestTraffic(pcap(frames))).toEqual(expected);
  });

  it('counts nothing of another machine', () => {
    const other = '52:54:00:00:00:01';
    const frames = [
      dhcp(other, 1, '0.0.0.0', other),
      dhcp(SERVER, 5, '10.0.2.16', other),
      arp(other, '10.0.2.16', '10.0.2.2'),
    ];
    expect(guestTraffic(pcap(frames), GUEST)).toEqual({
      ...{ sent: 0, dhcpDiscover: 0, dhcpRequest: 0, arpSenders: [], neighbourDiscovery: 0 },
    });
  });

  it('sees neighbour discovery, also with a VLAN tag', () => {
    const packet = Buffer.alloc(48);
    packet[6] = 58;
    packet[40] = 133;
    const tagged = Buffer.concat([mac('33:33:00:00:00:02'), mac(GUEST), Buffer.from('8100006486dd', 'hex'), packet]);
    const frames = [frame(GUEST, '33:33:00:00:00:02', 0x86dd, packet), tagged];
    expect(guestTraffic(pcap(frames), GUEST).neighbourDiscovery).toBe(2);
  });

  it('may be cut anywhere', () => {
    const whole = pcap([dhcp(GUEST, 1, '0.0.0.0'), arp(GUEST, '10.0.2.15', '10.0.2.2')]);
    for (let end = 0; end <= whole.length; end += 1) {
      expect(() => guestTraffic(whole.subarray(0, end), GUEST)).not.toThrow();
    }
    expect([...pcapFrames(whole.subarray(0, whole.length - 1))]).toHaveLength(1);
  });

  it('may hold rubbish', () => {
    for (const length of [0, 10, 14, 15, 20, 34, 42, 60]) {
      for (const kind of [0x0806, 0x0800, 0x86dd, 0x8100]) {
        const data = Buffer.concat([
          mac(GUEST),
          mac(GUEST),
          Buffer.from([kind >> 8, kind & 0xff]),
          Buffer.alloc(length, 17),
        ]);
        expect(() => guestTraffic(pcap([data]), GUEST)).not.toThrow();
      }
    }
    expect(guestTraffic(Buffer.from('not a capture, but long enough for one'), GUEST).sent).toBe(0);
  });
});
