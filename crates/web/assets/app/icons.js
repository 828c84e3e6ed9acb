// Icons as paths of a 24 × 24 pen drawing.
import { html } from './html.js'

const PATHS = {
  plus: 'M12 5v14M5 12h14',
  rooms: 'M4 9h16M4 15h16M10 3 8 21M16 3l-2 18',
  search: 'M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14Zm9 2-4-4',
  send: 'M12 19V5m-6 6 6-6 6 6',
  stop: 'M7 7h10v10H7z',
  back: 'm14 6-6 6 6 6',
  more: 'M5 12h.01M12 12h.01M19 12h.01',
  copy: 'M9 9h10v11H9zM5 15V4h10',
  spark: 'M12 4l1.8 5.200L19 11l-5.200 1.800L12 18l-1.800-5.200L5 11l5.200-1.800zM19 4v3m1.500-1.500h-3',
  open: 'm8 10 4 4 4-4',
  done: 'm5 13 4 4L19 7',
  read: 'm2 13 4 4 9-10m-3 9 1 1 9-10',
  clock: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Zm0-14v5l3 2',
  edit: 'M4 20h4L19 9l-4-4L4 16v4Zm9-13 4 4',
  bin: 'M5 7h14M10 7V4h4v3m3 0-1 13H8L7 7',
  again: 'M4 12a8 8 0 0 1 14-5l2 2m0-5v5h-5M20 12a8 8 0 0 1-14 5l-2-2m0 5v-5h5',
  smile: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18ZM9 10h.01M15 10h.01M8.500 14.500a4.500 4.500 0 0 0 7 0',
  left: 'm14 7-5 5 5 5',
  right: 'm10 7 5 5-5 5',
  attach: 'm20 11-8.500 8.500a5 5 0 0 1-7-7L13 4a3.300 3.300 0 0 1 4.700 4.700L9.300 17a1.600 1.600 0 0 1-2.300-2.300L14.500 7',
  pause: 'M9 6v12M15 6v12',
  play: 'M8 5v14l11-7z',
  close: 'M6 6l12 12M18 6 6 18',
  down: 'M12 5v14m-6-6 6 6 6-6',
  file: 'M6 3h8l4 4v14H6zM14 3v4h4',
  warn: 'M12 9v4m0 4h.01M12 3 2 20h20z',
  people: 'M9 11a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7Zm-6 9c0-3.500 2.500-5.500 6-5.500s6 2 6 5.500M16 4.500a3.500 3.500 0 0 1 0 6.500m2 3.800c2 .8 3 2.600 3 5.200',
}

/** Says nothing by itself: who uses it names the button that it is in. */
export const Icon = ({ name }) => html`
  <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d=${PATHS[name]} /></svg>
`
