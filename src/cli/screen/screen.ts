import type { RunEvent } from '../../model/event.js';

/** Something that shows a run. It is told events after the view took them in; it never drives anything. */
export interface Screen {
  onEvent(event: RunEvent): void;
  /** A word to the operator that is no event. */
  notice(text: string): void;
  /** The terminal is gone: draw nothing more. */
  drop(): void;
  /** Draws the last state. */
  end(): Promise<void>;
}

export const RENDERERS = ['auto', 'live', 'plain', 'json', 'silent'] as const;
export type RendererName = (typeof RENDERERS)[number];
