/** Ready-made parts of models. Each could have been written by an application. */
export { type ShownObject, StampedObjects } from './stamped-objects.ts'
