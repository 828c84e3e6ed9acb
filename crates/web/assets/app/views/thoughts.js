// What a model thought aloud, and which tools it wanted: closed until somebody wants to see it.
import { html, useEffect, useState } from '../html.js'
import { t } from '../strings.js'

/** @param {{ model: any, thoughts?: import('../../parlor-client/types.js').Thoughts, live: boolean }} props */
export const Thoughts = ({ model, thoughts, live }) => {
  const [, show] = useState(0)
  useEffect(() => {
    if (!live || !thoughts) return
    // Past the other views, as the pieces of a reply: once a frame.
    let frame = 0
    const stop = model.client.on('thoughts', it => {
      if (it === thoughts) frame ||= requestAnimationFrame(() => ((frame = 0), show(n => n + 1)))
    })
    return () => (stop(), cancelAnimationFrame(frame))
  }, [thoughts, live])
  if (!thoughts || (!thoughts.reasoning && !thoughts.calls.length)) return null
  const calls = thoughts.calls.filter(Boolean)
  return html`
    <details class="thoughts">
      <summary>${live ? t.message.thinking : t.message.thoughts}${calls.length > 0 && ` · ${t.message.calls(calls.length)}`}</summary>
      ${thoughts.reasoning && html`<p>${thoughts.reasoning}</p>`}
      ${calls.length > 0 && html`<ul>${calls.map((call, at) => html`<li key=${at}><code>${call.name}(${call.arguments})</code></li>`)}</ul>`}
    </details>
  `
}
