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
        ${citations.map((it, at) => html`<li key=${at}><strong>${it.title ?? it.document_title ?? it.document_id}</strong>${it.text && html`<p>${it.text}</p>`}</li>`)}
      </ol>
    </details>
  `
}
