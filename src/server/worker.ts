/** The entry point of a deployment: the Worker's routes and the class of its Durable Objects. */
import { app } from './app.ts'

export { StreamObject } from './stream-object.ts'
export default app
