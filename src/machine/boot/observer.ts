/** Gathers what a running machine gives off (console, firmware port, network, screen, disk) and tells the tracker. */
import { posix } from 'node:path';
import { DroverError } from '../../lib/error.js';
import type { Host } from '../../host/index.js';
import type { DomainView } from '../../model/index.js';
import type { QemuRuntime } from '../qemu-argv.js';
import type { QmpClient } from '../qmp/client.js';
import { ConsoleText } from './console-text.js';
import { guestTraffic } from './pcap.js';
import type { GuestTraffic } from './pcap.js';
import { differs, readPpm, screenFacts, toPng } from './screen.js';
import type { Picture } from './screen.js';
import { BoundedText, FileTail } from './tail.js';
import type { BootStage } from './detectors.js';
import type { BootTracker } from './tracker.js';

const MIB = 1024 ** 2;
/** A guest that writes more than this to one of its outputs writes for ever. */
const FLOOD_BYTES = 64 * MIB;
const CAPTURE_BYTES = 16 * MIB;
const FIRST_SCREEN_MS = 2000;
const SCREEN_EVERY_MS = 10_000;
const NETWORK_EVERY_MS = 1000;
const DISK_EVERY_MS = 10_000;
const MOST_PICTURES = 20;

type Monitor = Pick<QmpClient, 'execute'>;

interface Capture {
  readonly index: number;
  readonly mac: string | undefined;
  readonly tail: FileTail;
  data: Buffer;
}

export class BootObserver implements AsyncDisposable {
  readonly #host: Host;
  readonly #monitor: Monitor;
  readonly #tracker: BootTracker;
  readonly #dir: string;
  readonly #serial: FileTail;
  readonly #debug: FileTail;
  readonly #captures: readonly Capture[];
  readonly #text = new BoundedText(4 * MIB);
  readonly #lastLines: string[] = [];
  readonly #console: ConsoleText;
  readonly #firmware: ConsoleText;
  #now = 0;
  #nextScreen = FIRST_SCREEN_MS;
  #nextNetwork = 0;
  #nextDisk = DISK_EVERY_MS;
  #stage: BootStage = 'firmware';
  #pictures = 0;
  #first: Picture | undefined;
  #previous: Picture | undefined;
  #diskRequests = -1;

  constructor(
    host: Host,
    monitor: Monitor,
    tracker: BootTracker,
    view: DomainView,
    runtime: QemuRuntime,
    evidenceDir: string,
  ) {
    this.#host = host;
    this.#monitor = monitor;
    this.#tracker = tracker;
    this.#dir = evidenceDir;
    this.#serial = new FileTail(host, runtime.serialLog);
    this.#debug = new FileTail(host, runtime.debugLog);
    this.#captures = runtime.captures.map(({ index, path }) => ({
      index,
      mac: view.nics.find((nic) => nic.index === index)?.mac,
      tail: new FileTail(host, path),
      data: Buffer.alloc(0),
    }));
    this.#console = new ConsoleText((line) => {
      this.#text.add(`${line}\n`);
      this.#lastLines.push(line.slice(0, 400));
      if (this.#lastLines.length > 40) this.#lastLines.shift();
      tracker.line(line, this.#now);
    });
    this.#firmware = new ConsoleText((line) => tracker.line(line, this.#now));
  }

  /** Takes in everything that is new. */
  async look(nowMs: number): Promise<void> {
    this.#now = nowMs;
    await this.#readText(this.#serial, this.#console);
    await this.#readText(this.#debug, this.#firmware);
    this.#tracker.prompt(this.#console.rest, nowMs);
    if (nowMs >= this.#nextNetwork) {
      this.#nextNetwork = nowMs + NETWORK_EVERY_MS;
      await this.#lookAtNetwork();
    }
    const isNewStage = this.#tracker.stage !== this.#stage;
    if (isNewStage || nowMs >= this.#nextScreen) {
      this.#stage = this.#tracker.stage;
      this.#nextScreen = nowMs + SCREEN_EVERY_MS;
      await this.#lookAtScreen(isNewStage);
    }
    if (nowMs >= this.#nextDisk) {
      this.#nextDisk = nowMs + DISK_EVERY_MS;
      await this.#lookAtDisks();
    }
  }

  /** The screen as it was when the verdict fell. */
  async lastPicture(nowMs: number): Promise<void> {
    this.#now = nowMs;
    await this.#lookAtScreen(true);
  }

  /** Reads out the rest of the console, also after QEMU has ended. */
  async lastText(nowMs: number): Promise<void> {
    this.#now = nowMs;
    await this.#readText(this.#serial, this.#console);
    this.#console.end();
  }

  /** What each adapter did on the network, from the whole capture. */
  async traffic(): Promise<readonly (GuestTraffic & { readonly index: number })[]> {
    const all = [];
    for (const capture of this.#captures) {
      await this.#readCapture(capture);
      all.push({ index: capture.index, ...guestTraffic(capture.data, capture.mac) });
    }
    return all;
  }

  consoleText(): string {
    return this.#text.text;
  }

  consoleTail(): string {
    return [...this.#lastLines, this.#console.rest]
      .filter((line) => line !== '')
      .join('\n')
      .slice(-4096);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const tail of [this.#serial, this.#debug, ...this.#captures.map((capture) => capture.tail)]) {
      await tail[Symbol.asyncDispose]();
    }
  }

  async #readText(tail: FileTail, into: ConsoleText): Promise<void> {
    const data = await tail.read();
    if (data.length === 0) return;
    this.#tracker.alive(this.#now);
    into.push(data);
    if (tail.offset > FLOOD_BYTES) {
      this.#tracker.fatal('evidence-flood', this.#now, `more than ${FLOOD_BYTES / MIB} MiB of console text`);
    }
  }

  async #readCapture(capture: Capture): Promise<boolean> {
    let isNew = false;
    for (;;) {
      const data = await capture.tail.read();
      if (data.length === 0) return isNew;
      isNew = true;
      // The beginning of a capture holds what matters; the rest is only counted.
      if (capture.data.length < CAPTURE_BYTES) capture.data = Buffer.concat([capture.data, data]);
      if (capture.tail.offset > FLOOD_BYTES) {
        this.#tracker.fatal('evidence-flood', this.#now, `more than ${FLOOD_BYTES / MIB} MiB of network traffic`);
        return isNew;
      }
    }
  }

  async #lookAtNetwork(): Promise<void> {
    for (const capture of this.#captures) {
      if (!(await this.#readCapture(capture))) continue;
      this.#tracker.alive(this.#now);
      const seen = guestTraffic(capture.data, capture.mac);
      const who = `adapter ${capture.index} (${capture.mac ?? 'no fixed MAC'})`;
      if (seen.lease !== undefined) this.#tracker.signal('dhcp', this.#now, `${who} was given ${seen.lease} by DHCP`);
      if (seen.dhcpDiscover + seen.dhcpRequest + seen.arpSenders.length + seen.neighbourDiscovery > 0) {
        this.#tracker.signal('network', this.#now, `${who} sent ${seen.sent} frames`);
      }
    }
  }

  async #lookAtScreen(keep: boolean): Promise<void> {
    const path = posix.join(this.#dir, 'screen.ppm');
    try {
      await this.#monitor.execute('screendump', { filename: path }, { timeoutMs: 15_000 });
    } catch (thrown) {
      // A picture is the weakest evidence; without one the run goes on.
      if (thrown instanceof DroverError) return;
      throw thrown;
    }
    const picture = readPpm(await this.#host.files.read(path, 256 * MIB));
    await this.#host.files.remove(path);
    if (picture === undefined) return;
    const facts = screenFacts(picture);
    const changed = this.#previous === undefined || differs(picture, this.#previous);
    if (changed) this.#tracker.alive(this.#now);
    this.#first ??= picture;
    if (!changed && facts.isStopScreen) {
      const share = Math.round(facts.share * 100);
      this.#tracker.fatal(
        'bugcheck',
        this.#now,
        `the screen is of one blue (${facts.colour.join(', ')}) to ${share} %`,
      );
    }
    if (!changed && !facts.isBlank && differs(picture, this.#first)) {
      this.#tracker.signal('screen', this.#now, 'the screen shows something other than the firmware, and stays so');
    }
    this.#previous = picture;
    if ((keep || this.#pictures === 0 || changed) && this.#pictures < MOST_PICTURES) {
      const name = `screen-${String(this.#pictures).padStart(3, '0')}.png`;
      this.#pictures += 1;
      await this.#host.files.writeAtomic(posix.join(this.#dir, name), toPng(picture));
    }
  }

  async #lookAtDisks(): Promise<void> {
    let answer: unknown;
    try {
      answer = await this.#monitor.execute('query-blockstats', undefined, { timeoutMs: 15_000 });
    } catch (thrown) {
      if (thrown instanceof DroverError) return;
      throw thrown;
    }
    let requests = 0;
    for (const entry of Array.isArray(answer) ? (answer as { stats?: Record<string, unknown> }[]) : []) {
      requests += Number(entry.stats?.['rd_operations'] ?? 0) + Number(entry.stats?.['wr_operations'] ?? 0);
    }
    if (requests > this.#diskRequests) this.#tracker.alive(this.#now);
    this.#diskRequests = requests;
  }
}
