// Where a reply has what it says from.
import { html } from '../html.js'
import { t } from '../strings.js'

export const Citations = ({ message }) => {
  const { citations } = message
  if (!citations?.length) return null
  return html`
    <details class="citations">
      <summary>${t.message.sources} (${citations.length})</summary>
      <ol>
        ${citations.map(it => html`<li key=${it.number} value=${it.number}><strong>${it.title}</strong><p>${it.excerpt}</p></li>`)}
      </ol>
    </details>
  `
}
