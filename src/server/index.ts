/**
 * What a deployment is made of: the Worker's routes and the class of its Durable Objects, with rules of its own.
 *
 *     import { app, createStreamObject } from 'tapeline/server'
 *     export class StreamObject extends createStreamObject({ validate: (event, sub, recent) => undefined }) {}
 *     export default app
 *
 * Its wrangler.toml binds the class as STREAMS, with SQLite.
 */
export type { Json, TapeEvent, Values } from '../protocol/event.ts'
export { app } from './edge/app.ts'
export type { Env } from './env.ts'
export { createStreamObject, StreamObject } from './object/stream-object.ts'
export type { RecentEvents, RecentObject, Rejection, StreamRules, Validate } from './turn/rules.ts'
export { type CollectionSchema, schemaRule } from './turn/schema-rule.ts'
