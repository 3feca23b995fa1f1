/**
 * The party on the page: who is here, oneself, who may come, and what happened since one looked. What others wrote is
 * shown as text, cut where it is long.
 */
import { html, nothing, render, type TemplateResult } from 'lit-html'
import { repeat } from 'lit-html/directives/repeat.js'
import { type Member, memberIdentifier } from '../../models/index.ts'
import type { Sentence } from './narration.ts'
import type { News } from './news.ts'

/** Whom the invitations went to. */
const invited: readonly string[] = ['Alex', 'Blake', 'Caroline', 'Dan', 'Emily', 'George']

/** More would only push the page out of sight. */
const guestsShownMax = 100
const nameLengthShownMax = 80
/** Longer ones nobody could read on a place card. */
export const guestNameLengthMax = 80

export interface Party {
  readonly list: readonly Member[]
  readonly ownName: string
  readonly news: News
}

export interface PartyActions {
  readonly join: (name: string) => void
  readonly leave: (identifier: string) => void
  /** Oneself, under this name. */
  readonly comeIn: (name: string) => void
  readonly haveSeen: () => void
}

export interface PartyElements {
  readonly guests: HTMLElement
  readonly own: HTMLElement
  readonly news: HTMLElement
  readonly seen: HTMLElement
}

export class GuestsView {
  readonly #elements: PartyElements
  readonly #actions: PartyActions

  constructor(elements: PartyElements, actions: PartyActions) {
    this.#elements = elements
    this.#actions = actions
    elements.seen.addEventListener('click', () => actions.haveSeen())
  }

  show(party: Party): void {
    keepPlace(this.#elements.guests, () => this.#show(party))
  }

  #show({ list, ownName, news }: Party): void {
    const own = list.find(({ identifier }) => identifier === memberIdentifier(ownName))
    const { guests, own: ownElement, news: newsElement } = this.#elements
    render(this.#guests(list, own), guests)
    render(own === undefined ? this.#door(ownName) : this.#presence(own), ownElement)
    render(newsTemplate(news), newsElement)
    newsElement.setAttribute('aria-busy', String(news.type === 'asking'))
  }

  #guests(list: readonly Member[], own: Member | undefined): TemplateResult {
    const more = list.length - guestsShownMax
    const absent = invited.filter((name) => !list.some(({ identifier }) => identifier === memberIdentifier(name)))
    return html`${list.length === 0 ? html`<p class="empty-table">Nobody yet. The table is laid.</p>` : nothing}
      <ul class="guests" aria-label="Who is here">
        ${repeat(
          list.slice(0, guestsShownMax),
          ({ identifier }) => identifier,
          (member) => this.#guest(member, member === own),
        )}
      </ul>
      ${more > 0 ? html`<p>And ${more.toLocaleString('en')} more.</p>` : nothing}
      <p id="invited-title" class="invited-title">${absent.length === 0 ? 'All who were invited have come.' : 'Invited, and not here:'}</p>
      <ul class="invited" aria-labelledby="invited-title">
        ${repeat(
          absent,
          (name) => name,
          (name) =>
            html`<li><button class="quiet-button" type="button" aria-label="Let ${name} in" @click=${() => this.#actions.join(name)}>${name}</button></li>`,
        )}
      </ul>`
  }

  #guest(member: Member, isOwn: boolean): TemplateResult {
    const { identifier, name, isPending } = member
    const shown = shorten(name)
    return html`<li class="guest" data-id=${identifier} ?data-pending=${isPending}>
      <span class="plate" aria-hidden="true">${initialOf(name)}</span>
      <span class="guest-name"><bdi>${shown}</bdi>${isOwn ? html` <span class="guest-note">you</span>` : nothing}${
        isPending ? html` <span class="guest-note">not sent yet</span>` : nothing
      }</span>
      <button class="quiet-button" type="button" aria-label="Goodbye, ${shown}" @click=${() => this.#actions.leave(identifier)}>Goodbye</button>
    </li>`
  }

  #door(ownName: string): TemplateResult {
    return html`<form class="door" @submit=${this.#onComeIn}>
      <label for="own-name">Your name</label>
      <input id="own-name" name="name" value=${ownName} required pattern=".*\\S.*" maxlength=${guestNameLengthMax} title="A guest needs a name" autocomplete="given-name" dir="auto" />
      <button class="button" type="submit">Come in</button>
    </form>`
  }

  #presence({ identifier, name }: Member): TemplateResult {
    const onLeave = () => {
      this.#actions.leave(identifier)
      this.#elements.own.querySelector('input')?.focus()
    }
    return html`<p class="presence">You are here as <strong><bdi>${shorten(name)}</bdi></strong>.</p>
      <button class="quiet-button" type="button" @click=${onLeave}>Leave the party</button>`
  }

  readonly #onComeIn = (event: Event): void => {
    event.preventDefault()
    const input = this.#elements.own.querySelector('input')
    if (input === null) return
    this.#actions.comeIn(input.value)
    // The keyboard goes on from what took the form's place.
    this.#elements.own.querySelector('button')?.focus()
  }
}

/** When the button that has the focus goes, with its guest, the keyboard goes on from the one that took its place. */
function keepPlace(element: HTMLElement, change: () => void): void {
  const focused = document.activeElement
  const list = element.contains(focused) ? focused?.closest('ul') : undefined
  const index = focused === null ? -1 : Array.from<Element>(list?.querySelectorAll('button') ?? []).indexOf(focused)
  change()
  if (list === null || list === undefined || focused?.isConnected !== false) return
  const buttons = list.querySelectorAll('button')
  const next = buttons[Math.min(index, buttons.length - 1)] ?? element.querySelector('button')
  next?.focus()
}

function newsTemplate(news: News): TemplateResult {
  switch (news.type) {
    case 'arrived':
      return html`<p>You have just arrived. Whatever happens from now on is told here.</p>`
    case 'asking':
      return html`<p>Looking it up on the tape…</p>`
    case 'story':
      return news.sentences.length === 0 ? html`<p>Nothing.</p>` : story(news.sentences)
    case 'short':
      return html`${news.sentences.length === 0 ? html`<p>The same people are here.</p>` : story(news.sentences)}
        <p class="news-reason">${reasons[news.reason]}</p>`
  }
}

const reasons = {
  offline: 'That is the short answer, from what this device has. With a connection the tape tells the whole story.',
  much: 'That is the short answer: so much has happened that the whole story would be long.',
  unread: 'That is the short answer: the tape could not be read just now.',
} as const

function story(sentences: readonly Sentence[]): TemplateResult {
  return html`<ul class="story">
    ${repeat(
      sentences,
      ({ identifier }) => identifier,
      ({ name, text }) => html`<li><strong><bdi>${shorten(name)}</bdi></strong> <bdi>${shorten(text)}</bdi></li>`,
    )}
  </ul>`
}

function shorten(text: string): string {
  return text.length > nameLengthShownMax ? `${text.slice(0, nameLengthShownMax).toWellFormed()}…` : text
}

/** The first letter as people see letters: an emoji of several parts is one. */
function initialOf(name: string): string {
  const [first] = new Intl.Segmenter(undefined, { granularity: 'grapheme' }).segment(shorten(name))
  return first?.segment.toLocaleUpperCase() ?? ''
}
