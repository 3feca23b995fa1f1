/** The tables of a store in a file, and how they came to be. */

/** Each takes a database from the version that is its index to the next one. Rows that break their table's word cannot be. */
export const migrations = [
  `CREATE TABLE client (
     only INTEGER PRIMARY KEY CHECK (only = 1),
     owner TEXT NOT NULL,
     client TEXT,
     next_counter INTEGER NOT NULL DEFAULT 1,
     epoch TEXT,
     latest_seq INTEGER NOT NULL DEFAULT -1,
     accounted TEXT NOT NULL DEFAULT '[]'
   ) STRICT;
   CREATE TABLE tabs (tab TEXT PRIMARY KEY, taken INTEGER NOT NULL) STRICT;
   CREATE TABLE outbox (
     place INTEGER PRIMARY KEY,
     draft TEXT NOT NULL,
     made_at REAL NOT NULL,
     folded_drafts INTEGER NOT NULL,
     folded_bytes INTEGER NOT NULL,
     counter INTEGER,
     refused TEXT
   ) STRICT;
   CREATE TABLE objects (collection TEXT, identifier TEXT, events TEXT NOT NULL, PRIMARY KEY (collection, identifier)) STRICT;`,
  `ALTER TABLE client ADD COLUMN unreadable TEXT NOT NULL DEFAULT '[]';
   ALTER TABLE outbox ADD COLUMN refusal TEXT;`,
  `CREATE TABLE tails (number INTEGER PRIMARY KEY, collection TEXT NOT NULL, identifier TEXT NOT NULL, events TEXT NOT NULL) STRICT;
   CREATE INDEX tails_of_object ON tails (collection, identifier);`,
  'ALTER TABLE client ADD COLUMN parts TEXT;',
  'ALTER TABLE client ADD COLUMN mark TEXT;',
  'ALTER TABLE client ADD COLUMN anew_to INTEGER;',
]
