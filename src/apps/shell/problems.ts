/** What the person in front of the page should know, and can do about it. */
import { codeTexts, type StreamStatus } from '../../browser/index.ts'

export interface Problem {
  readonly title: string
  readonly hint: string
}

type Storage = StreamStatus['storage']

/** `tokenProblem`: why there is no token, if there is none. */
export function problemsOf({ problem, storage }: StreamStatus, tokenProblem: string | undefined): readonly Problem[] {
  return [
    ...(problem === undefined ? [] : [codeTexts(problem)]),
    ...(tokenProblem === undefined ? [] : [{ title: 'This page got no token.', hint: tokenProblem }]),
    ...(storage.trouble === undefined ? [] : [explainTrouble(storage, storage.trouble)]),
    ...(storage.unreadable === 0 ? [] : [explainUnreadable(storage.unreadable)]),
  ]
}

function explainTrouble({ unsaved }: Storage, trouble: NonNullable<Storage['trouble']>): Problem {
  const { title, hint } = troubles[trouble]
  if (unsaved === 0) return { title, hint }
  const waiting = unsaved === 1 ? '1 change is in this window alone' : `${unsaved.toLocaleString('en')} changes are in this window alone`
  return { title, hint: `${hint} ${waiting}: keep it open until nothing is pending.` }
}

const troubles: Readonly<Record<NonNullable<Storage['trouble']>, Problem>> = {
  unavailable: {
    title: 'This browser keeps nothing for this page.',
    hint: 'It works, but what has not been sent is lost with the window. Private windows are like that, and so are browsers told to block site data.',
  },
  blocked: {
    title: 'Another window holds an older version of this page.',
    hint: 'Close or reload the other windows on this site, so that this one can save again.',
  },
  newer: {
    title: 'A newer version of this page has been here.',
    hint: 'Reload this window: it does not understand what the newer one has saved, and leaves it alone.',
  },
  full: {
    title: 'There is no room left to save in.',
    hint: 'Free some space on this device, or remove data of other sites in the browser’s settings.',
  },
  cleared: {
    title: 'What this page had saved was cleared.',
    hint: 'It saves again what this window still has.',
  },
  fenced: {
    title: 'Another window has taken over the saving.',
    hint: 'Reload this one to go on with what the other has saved.',
  },
  unreadable: {
    title: 'What this browser had saved cannot be read.',
    hint: 'It is left as it is, and the tape is read anew from the server. Changes that had not been sent may be missing.',
  },
  failed: {
    title: 'This browser could not save.',
    hint: 'Reload the window when nothing is pending any more, to try again.',
  },
}

function explainUnreadable(unreadable: number): Problem {
  return {
    title:
      unreadable === 1
        ? 'One of your changes cannot be read back.'
        : `${unreadable.toLocaleString('en')} of your changes cannot be read back.`,
    hint: 'What this browser had saved of it is damaged. It is left as it is; everything else goes on.',
  }
}
