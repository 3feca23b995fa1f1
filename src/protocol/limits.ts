/**
 * Every bound of the protocol, each with its reason. Sizes are bytes of UTF-8 unless the name says otherwise.
 */

/** Seqs and counters are JSON numbers, and every reader must hold them exactly. */
export const seqMax = Number.MAX_SAFE_INTEGER

/** Four of the largest events fit a row and a frame; a larger content belongs in several events. */
export const eventBytesMax = 256 * 1024

/** A row of the tape holds 2 MB at most: a batch, numbered, must fit one with room for the rest of the row. */
export const batchBytesMax = 1024 * 1024

/** A batch is decided in one synchronous run: this many take a few milliseconds, during which others wait. */
export const batchDraftsMax = 1000

/** A frame carries a batch or a row's slice, and is what a slow client must swallow at once. */
export const frameBytesMax = 1024 * 1024

/** Deep JSON overflows the stack of recursive readers; nobody nests a field's value deeper by hand. */
export const jsonDepthMax = 64

/** Collections and identifiers are keys of maps and of indexes: room for a UUID with a prefix or a short path. */
export const nameLengthMax = 200

/** Names of streams are the names of Durable Objects. */
export const streamNameLengthMax = 200

/** A client's id is kept for each client that ever published, so it is short: room for a UUID with a prefix. */
export const clientLengthMax = 64

/** The `sub` of a token is kept beside each client id, and in each socket's attachment. */
export const subLengthMax = 200

/** One request may fill this many holes; a client with more asks again. */
export const rangesMax = 1000

/** A whisper is a cursor or "is typing", sent to everyone at once and never stored. */
export const whisperBytesMax = 4 * 1024

/** Each whisper costs one delivery per listener, so a socket may start only so many a second. */
export const whispersPerSecondMax = 30

/** Whoever reads much asks for pages aligned at so many, the same for all, so that caches have them: about 1 MB of small events. */
export const pageEvents = 4096

/** Long polls end before the usual 60 s of proxies. */
export const waitSecondsMax = 55

/** A token may be larger than a name, but must fit the header limits of proxies. */
export const tokenLengthMax = 8 * 1024

/** Versions of an application's model are counted by hand. */
export const versionMax = 1_000_000

/** A draft may name this many fields that nobody else is to have written: more is a matter of the whole object. */
export const expectedFieldsMax = 100

/** Deltas of one draft: so many are laid over each other in well under a millisecond. What has more is sent in several drafts, or whole. */
export const deltasMax = 1000

/** Why something was redacted, for people: a sentence. */
export const reasonTextMax = 200

/** A rule of the application names its reasons in a word or two. */
export const reasonLengthMax = 64
