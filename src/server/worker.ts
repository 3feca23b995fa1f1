/** The entry point of a deployment: the Worker's routes and the class of its Durable Objects. */
import { app } from './edge/app.ts'

export { StreamObject } from './object/stream-object.ts'
export default app
