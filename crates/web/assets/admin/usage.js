// What was used, and what that cost, in the last 30 days.
import { html, useEffect, useState } from '../app/html.js'
import { t } from '../app/strings.js'
import { Bars } from './plots.js'
import { words } from './strings.js'

const DAY = 86_400_000
const DAYS = 30

const day = at => new Date(at).toISOString().slice(0, 10)
const total = group => group.totalTokens ?? 0
const cost = group => group.costUsd ?? 0

export const Usage = ({ session }) => {
  const [by, setBy] = useState('day')
  const [report, setReport] = useState(null)
  useEffect(() => {
    const query = new URLSearchParams({ from: new Date(Date.now() - DAYS * DAY).toISOString(), group_by: by })
    session.json(`/api/v1/admin/usage?${query}`).then(report => setReport({ by, ...report }), () => setReport(null))
  }, [by])
  if (!report) return null
  const name = group => group.day ?? group.model ?? group.userId ?? ''
  const shown = report.by === 'day' ? everyDay(report.data) : report.data.slice(0, 20)
  const bars = shown.map(group => ({
    name: report.by === 'day' ? name(group).slice(5) : name(group),
    value: total(group),
    words: `${name(group)}: ${t.tokens(total(group))}, ${t.cost(cost(group))}`,
  }))
  // The plot has all the days.
  const rows = report.by === 'day' ? report.data.slice(-10).reverse() : report.data.slice(0, 50)
  return html`
    <div class="filter">
      <h2>${words.usage}</h2>
      <select aria-label=${words.usage} value=${by} onChange=${event => setBy(event.target.value)}>
        ${Object.entries(words.usageBy).map(([key, label]) => html`<option key=${key} value=${key}>${label}</option>`)}
      </select>
    </div>
    <div class="panel" tabindex="0" role="region" aria-label=${words.usage}>
      ${report.data.length === 0 ? html`<p>${words.noUsage}</p>` : html`
        <${Bars} label=${`${words.usage} ${words.usageBy[report.by]}`} bars=${bars} />
        <table>
          <thead><tr><th scope="col">${words.usageColumns.key[report.by]}</th>${['tokens', 'cost', 'turns'].map(it => html`<th key=${it} scope="col" class="number">${words.usageColumns[it]}</th>`)}</tr></thead>
          <tbody>
            ${rows.map(group => html`
              <tr key=${name(group)}><td>${name(group)}</td><td class="number">${t.number(total(group))}</td><td class="number">${t.cost(cost(group))}</td><td class="number">${t.number(group.attempts ?? 0)}</td></tr>`)}
          </tbody>
        </table>`}
    </div>
  `
}

/** The days on which nothing was used, too. */
function everyDay(groups) {
  const known = new Map(groups.map(group => [group.day, group]))
  return Array.from({ length: DAYS }, (_, at) => {
    const name = day(Date.now() - (DAYS - 1 - at) * DAY)
    return known.get(name) ?? { day: name }
  })
}
