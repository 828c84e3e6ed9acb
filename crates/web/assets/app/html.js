// Preact with htm: components without a build step.
import htm from '../vendor/htm.mjs'
import { h } from '../vendor/preact.mjs'

export const html = htm.bind(h)
export { Component, createRef, render } from '../vendor/preact.mjs'
export { useEffect, useLayoutEffect, useRef, useState } from '../vendor/preact-hooks.mjs'
