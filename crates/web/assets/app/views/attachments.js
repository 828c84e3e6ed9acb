// The files of a message: images as they are, others by name.
import { html, useEffect, useState } from '../html.js'
import { Icon } from '../icons.js'
import { t } from '../strings.js'

/** Of which the server makes previews. */
const IMAGES = ['image/png', 'image/jpeg', 'image/gif', 'image/webp']
/** How long before its end a link is not used any more, in milliseconds. */
const EARLY = 60_000

/** Links by file, since rows come and go while one scrolls. */
const links = new Map()

/** A link that an image can have, which sends no token. Errors: those of the route. */
async function linkTo(model, id) {
  const known = links.get(id)
  if (known && Date.parse(known.expires_at) - Date.now() > EARLY) return known.url
  const link = await model.api.linkFile(id)
  links.set(id, link)
  return link.url
}

const preview = url => url.replace('?', '/preview?')

const Attachment = ({ model, file }) => {
  const { file_id, name, size } = file
  const [source, setSource] = useState(null)
  const isImage = IMAGES.includes(file.mime_type) && source !== ''
  useEffect(() => {
    let here = true
    // An image without a preview is a file.
    if (IMAGES.includes(file.mime_type)) linkTo(model, file_id).then(url => here && setSource(preview(url)), () => here && setSource(''))
    return () => (here = false)
  }, [file_id])
  const download = async () => {
    try {
      Object.assign(document.createElement('a'), { href: await linkTo(model, file_id), download: name }).click()
    } catch (problem) {
      model.toast(t.problem(problem))
    }
  }
  const label = t.upload.download(name, t.upload.size(size))
  return html`
    <button type="button" class=${isImage ? 'picture' : 'file'} aria-label=${label} title=${label} onClick=${download}>
      ${isImage
        ? source && html`<img src=${source} alt=${name} onError=${() => setSource('')} />`
        : html`<${Icon} name="file" /><span class="name">${name}</span> <small>${t.upload.size(size)}</small>`}
    </button>
  `
}

export const Attachments = ({ model, files }) => {
  if (!files?.length) return null
  return html`
    <ul class="attachments">
      ${files.map(file => html`<li key=${file.file_id}><${Attachment} model=${model} file=${file} /></li>`)}
    </ul>
  `
}
