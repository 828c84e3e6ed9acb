// What the pages use of other people's modules, for `tsc`: it is served to nobody.
declare module '*/vendor/preact.mjs' {
  export class Component<P = any, S = any> {
    constructor(props?: P)
    props: P
    state: S
    setState(state: Partial<S>): void
  }
  export function h(view: any, props: any, ...children: any[]): any
  export function render(view: any, root: Element): void
  export function createRef<T = any>(): { current: T }
}
declare module '*/vendor/preact-hooks.mjs' {
  export function useState<S>(first: S): [S, (next: any) => void]
  export function useRef<T = any>(first: T): { current: T }
  export function useEffect(work: () => any, inputs?: any[]): void
  export function useLayoutEffect(work: () => any, inputs?: any[]): void
}
declare module '*/vendor/htm.mjs' {
  const htm: { bind(h: any): (strings: TemplateStringsArray, ...values: any[]) => any }
  export default htm
}
declare module '*/vendor/highlight.mjs' {
  const highlighter: any
  export default highlighter
}
declare module '*/vendor/dompurify.js'
declare module '*/vendor/markdown-it.js'
declare var DOMPurify: any
declare var markdownit: any
