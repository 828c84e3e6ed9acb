// How the jobs are, and which failed.
import { html, useEffect, useState } from '../app/html.js'
import { t } from '../app/strings.js'
import { words } from './strings.js'

export const Jobs = ({ session }) => {
  const [jobs, setJobs] = useState(null)
  useEffect(() => {
    session.json('/api/v1/admin/jobs?limit=20').then(setJobs, () => {})
  }, [])
  if (!jobs) return null
  return html`
    <h2>${words.jobs}</h2>
    <dl class="tiles">${Object.entries(jobs.counts).map(([state, count]) => html`<div class="tile" key=${state}><dt>${words.jobStates[state] ?? state}</dt><dd>${t.number(count)}</dd></div>`)}</dl>
    ${jobs.data.length > 0 && html`
      <div class="panel failed" tabindex="0" role="region" aria-label=${words.failedJobs}>
        <table>
          <thead><tr>${words.jobColumns.map(it => html`<th key=${it} scope="col">${it}</th>`)}</tr></thead>
          <tbody>${jobs.data.map(job => html`<tr key=${job.id}><td>${job.id}</td><td>${job.type ?? ''}</td><td>${job.userId?.slice(-8)}</td><td>${job.error?.code ?? job.error ?? ''}</td></tr>`)}</tbody>
        </table>
      </div>`}
  `
}
