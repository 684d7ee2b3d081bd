import type { StageName } from '../model/stage.js';

export type ByStage<T> = Readonly<Record<StageName, T>>;

/** A record with one value per stage, made in the order of the stages. */
export function byStage<T>(make: (stage: StageName) => T): ByStage<T> {
  return {
    FETCH: make('FETCH'),
    FLATTEN: make('FLATTEN'),
    INSPECT: make('INSPECT'),
    PLAN: make('PLAN'),
    FIX: make('FIX'),
    CONVERT: make('CONVERT'),
    VALIDATE: make('VALIDATE'),
  };
}
