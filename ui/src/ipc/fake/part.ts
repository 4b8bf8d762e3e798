/** A part of the backend, made by one file of the fake. */
import type { Backend } from '../backend';

export type Part<Name extends keyof Backend> = Pick<Backend, Name>;
