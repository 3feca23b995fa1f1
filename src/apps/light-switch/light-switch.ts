/**
 * The lamp that everybody shares: one value, which travels whole with each flip. A lamp that nobody has touched is off,
 * and so is one that somebody set to what is no boolean.
 */
import { Value } from '../../models/index.ts'

export const lightSwitch = new Value('lights', {
  identifier: 'lamp',
  field: 'on',
  initial: false,
  onProblem: (problem) => console.warn('The lamp was set to what it cannot be.', problem),
})
