// What was done of consequence.
import { html, useEffect, useState } from '../app/html.js'
import { t } from '../app/strings.js'
import { words } from './strings.js'

/** What can be chosen. The log's own words. */
const ACTIONS = ['sign_up', 'sign_in', 'guest_sign_in', 'token_reuse', 'token_issue', 'conversation_export', 'conversation_delete', 'room_delete', 'stats_read', 'audit_read']
const PAGE = 30

export const Audit = ({ session }) => {
  const [action, setAction] = useState('')
  const [entries, setEntries] = useState([])
  const [next, setNext] = useState(null)
  const load = async before => {
    const query = new URLSearchParams({ limit: String(PAGE), ...(action ? { action } : {}), ...(before ? { before } : {}) })
    const { data, meta } = await session.json(`/api/v1/admin/audit?${query}`)
    setEntries(entries => (before ? [...entries, ...data] : data))
    setNext(meta.next_before)
  }
  useEffect(() => {
    load().catch(() => {})
  }, [action])
  return html`
    <div class="filter">
      <h2>${words.audit}</h2>
      <select aria-label=${words.audit} value=${action} onChange=${event => setAction(event.target.value)}>
        <option value="">${words.everything}</option>
        ${ACTIONS.map(it => html`<option key=${it}>${it}</option>`)}
      </select>
    </div>
    <div class="panel" tabindex="0" role="region" aria-label=${words.audit}>
      <table>
        <thead><tr>${words.auditColumns.map(it => html`<th key=${it} scope="col">${it}</th>`)}</tr></thead>
        <tbody>
          ${entries.map(it => html`
            <tr key=${it.id}>
              <td><time datetime=${it.at}>${t.when(it.at)}</time></td>
              <td>${it.action}</td>
              <td>${it.actor?.slice(-8) ?? ''}</td>
              <td>${it.account ?? it.subject ?? ''}</td>
              <td>${it.address ?? ''}</td>
              <td class=${it.outcome === 'done' ? '' : 'outcome-refused'}>${it.outcome}</td>
            </tr>`)}
        </tbody>
      </table>
    </div>
    ${next && html`<div class="buttons"><button type="button" class="button" onClick=${() => load(next).catch(() => {})}>${words.more}</button></div>`}
  `
}
