// The files of a message: images as they are, others by name.
import { html } from '../html.js'
import { Icon } from '../icons.js'
import { t } from '../strings.js'

export const Attachments = ({ files }) => {
  if (!files?.length) return null
  return html`
    <ul class="attachments">
      ${files.map(file => html`<li key=${file.file_id}><span class="file"><${Icon} name="file" />${file.name} <small>${t.upload.size(file.size)}</small></span></li>`)}
    </ul>
  `
}
