// Plots, drawn as SVG.
import { html } from '../app/html.js'
import { t } from '../app/strings.js'

/** What a figure was over the last minutes, as a line. @param {{ values: number[] }} props the oldest first, at least one */
export const Spark = ({ values: looks }) => {
  // One look alone is a level.
  const values = looks.length === 1 ? [looks[0], looks[0]] : looks
  const top = Math.max(1, ...values)
  const step = 100 / Math.max(1, values.length - 1)
  const line = values.map((value, at) => `${at ? 'L' : 'M'}${(at * step).toFixed(2)} ${(29 - (value / top) * 26).toFixed(2)}`).join('')
  return html`
    <svg class="spark" viewBox="0 0 100 30" preserveAspectRatio="none" aria-hidden="true">
      <path class="area" d=${`${line}L100 30L0 30Z`} /><path d=${line} />
    </svg>
  `
}

const [WIDTH, HEIGHT, BELOW] = [720, 190, 22]

/** Figures beside each other, as bars. @param {{ label: string, bars: { name: string, value: number, words: string }[] }} props */
export const Bars = ({ label, bars }) => {
  const top = Math.max(1, ...bars.map(bar => bar.value))
  const wide = WIDTH / bars.length
  const height = HEIGHT - BELOW - 14
  const every = Math.ceil(bars.length / 10)
  return html`
    <div class="plot">
      <svg viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label=${label}>
        <line x1="0" x2=${WIDTH} y1=${HEIGHT - BELOW} y2=${HEIGHT - BELOW} />
        <text x="0" y="10">${t.number(top)}</text>
        ${bars.map(({ name, value, words }, at) => {
          const tall = (value / top) * height
          return html`
            <rect key=${name} x=${at * wide + wide * 0.15} y=${HEIGHT - BELOW - tall} width=${wide * 0.7} height=${Math.max(tall, value ? 1 : 0)} rx="2"><title>${words}</title></rect>
            ${at % every === 0 && html`<text x=${at * wide + wide / 2} y=${HEIGHT - 6} text-anchor="middle">${name.slice(0, 14)}</text>`}
          `
        })}
      </svg>
    </div>
  `
}
