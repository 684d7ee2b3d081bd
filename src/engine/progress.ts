/** Thins out what stages report: at most two events a second for each task and 200 for all, rates smoothed, never 100 %. */
import type { Clock } from '../host/index.js';
import type { Progress } from '../model/event.js';

const TASK_EVERY_MS = 500;
const ALL_PER_S = 200;
const HALF_LIFE_S = 30;
const ETA_AFTER_S = 30;
const ETA_AFTER_SHARE = 0.01;
/** A stage is done when it ends, not when its bytes are. */
const MOST = 0.999;

interface Track {
  readonly startedAt: number;
  firstBytes: number;
  lastAt: number;
  lastBytes: number;
  rateBps: number | undefined;
  sentAt: number;
  pending: Progress | undefined;
}

export class ProgressMeter {
  readonly #clock: Clock;
  readonly #send: (node: number, progress: Progress) => void;
  readonly #tracks = new Map<number, Track>();
  #windowAt = 0;
  #windowCount = 0;

  constructor(clock: Clock, send: (node: number, progress: Progress) => void) {
    this.#clock = clock;
    this.#send = send;
  }

  /** Takes in what a task says. */
  report(node: number, progress: Progress): void {
    const now = this.#clock.monotonic();
    let track = this.#tracks.get(node);
    if (track === undefined) {
      track = {
        startedAt: now,
        firstBytes: progress.doneBytes,
        lastAt: now,
        lastBytes: progress.doneBytes,
        rateBps: undefined,
        sentAt: Number.NEGATIVE_INFINITY,
        pending: undefined,
      };
      this.#tracks.set(node, track);
    }
    this.#measure(track, progress, now);
    track.pending = this.#complete(track, progress, now);
    if (now - track.sentAt >= TASK_EVERY_MS) this.#flush(node, track, now);
  }

  /** Sends what was held back; to be called about twice a second. */
  tick(): void {
    const now = this.#clock.monotonic();
    for (const [node, track] of this.#tracks) {
      if (track.pending !== undefined && now - track.sentAt >= TASK_EVERY_MS) this.#flush(node, track, now);
    }
  }

  /** Smoothed bytes per second over all tasks. */
  totalRateBps(): number {
    let total = 0;
    for (const track of this.#tracks.values()) total += track.rateBps ?? 0;
    return total;
  }

  forget(node: number): void {
    this.#tracks.delete(node);
  }

  #measure(track: Track, progress: Progress, now: number): void {
    const seconds = (now - track.lastAt) / 1000;
    if (progress.doneBytes < track.lastBytes) {
      track.lastBytes = progress.doneBytes;
      track.lastAt = now;
      return;
    }
    // Below a fifth of a second the counters say more about buffers than about speed.
    if (seconds < 0.2) return;
    const rate = (progress.doneBytes - track.lastBytes) / seconds;
    const keep = 0.5 ** (seconds / HALF_LIFE_S);
    track.rateBps = track.rateBps === undefined ? rate : track.rateBps * keep + rate * (1 - keep);
    track.lastBytes = progress.doneBytes;
    track.lastAt = now;
  }

  #complete(track: Track, progress: Progress, now: number): Progress {
    const doneBytes = Math.min(progress.doneBytes, Math.floor(progress.totalBytes * MOST));
    const rateBps = progress.rateBps ?? track.rateBps;
    const share = progress.totalBytes > 0 ? progress.doneBytes / progress.totalBytes : 0;
    const isTelling = now - track.startedAt >= ETA_AFTER_S * 1000 && share >= ETA_AFTER_SHARE;
    const left = Math.max(0, progress.totalBytes - progress.doneBytes);
    const etaS = progress.etaS ?? (isTelling && rateBps !== undefined && rateBps > 0 ? left / rateBps : undefined);
    return {
      ...progress,
      doneBytes,
      ...(rateBps === undefined ? {} : { rateBps: Math.round(rateBps) }),
      ...(etaS === undefined ? {} : { etaS: Math.round(etaS) }),
    };
  }

  #flush(node: number, track: Track, now: number): void {
    if (now - this.#windowAt >= 1000) {
      this.#windowAt = now;
      this.#windowCount = 0;
    }
    if (track.pending === undefined || this.#windowCount >= ALL_PER_S) return;
    this.#windowCount += 1;
    this.#send(node, track.pending);
    track.pending = undefined;
    track.sentAt = now;
  }
}
