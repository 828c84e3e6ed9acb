/** Copies a text. Browsers have a clipboard for pages that came by TLS or from this machine alone; others select it. @param {string} text */
export async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text)
  const field = Object.assign(document.createElement('textarea'), { value: text, className: 'unseen' })
  document.body.append(field)
  field.select()
  document.execCommand('copy')
  field.remove()
}
