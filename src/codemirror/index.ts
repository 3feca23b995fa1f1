/** Tapeline for CodeMirror 6: a text that several people write at once, in its editor. */
export type { EditableText } from '../browser/editable-text.ts'
export { type RemoteCursor, remoteCursors, showRemoteCursors } from './remote-cursors.ts'
export { type SyncTextOptions, syncText } from './sync-text.ts'
