// Where a page's time goes, by the browser's own profiler: only where PARLOR_PROFILE asks for it, because it costs time.

const SHOWN = 25

/** Does something, and says which functions took the most time meanwhile. */
export async function profiled(page, name, work) {
  if (!process.env.PARLOR_PROFILE) return work()
  const tools = await page.context().newCDPSession(page)
  await tools.send('Profiler.enable')
  await tools.send('Performance.enable')
  await tools.send('Profiler.setSamplingInterval', { interval: 200 })
  const before = await figures(tools)
  await tools.send('Profiler.start')
  await work()
  const { profile } = await tools.send('Profiler.stop')
  const after = await figures(tools)
  const spent = ['TaskDuration', 'ScriptDuration', 'LayoutDuration', 'RecalcStyleDuration'].map(it => `${it} ${Math.round((after[it] - before[it]) * 1_000)} ms`)
  console.log(`${name}: ${spent.join(', ')}, ${after.LayoutCount - before.LayoutCount} layouts, ${after.RecalcStyleCount - before.RecalcStyleCount} of style`)
  for (const [where, ms] of functions(profile).slice(0, SHOWN)) console.log(`${name}: ${String(Math.round(ms)).padStart(6)} ms ${where}`)
  await tools.detach()
}

/** Does something, and gives how long the page's main thread worked at it, in milliseconds of its own time: unlike what a clock says, that does not grow where other programs are busy. */
export async function worked(page, work) {
  const tools = await page.context().newCDPSession(page)
  await tools.send('Performance.enable', { timeDomain: 'threadTicks' })
  const before = await figures(tools)
  await work()
  const after = await figures(tools)
  await tools.detach()
  return Math.round((after.TaskDuration - before.TaskDuration) * 1_000)
}

async function figures(tools) {
  const { metrics } = await tools.send('Performance.getMetrics')
  return Object.fromEntries(metrics.map(({ name, value }) => [name, value]))
}

/** Milliseconds by function, without those that it called. */
function functions({ nodes, samples, timeDeltas }) {
  const spent = new Map()
  samples.forEach((id, at) => spent.set(id, (spent.get(id) ?? 0) + timeDeltas[at] / 1_000))
  const total = new Map()
  for (const { id, callFrame: { functionName, url, lineNumber } } of nodes) {
    const where = `${functionName || '(anonymous)'} ${url.split('/').slice(5).join('/')}:${lineNumber + 1}`
    total.set(where, (total.get(where) ?? 0) + (spent.get(id) ?? 0))
  }
  return [...total].filter(([where]) => !/^\((idle|program|root)\)/.test(where)).sort(([, a], [, b]) => b - a)
}
