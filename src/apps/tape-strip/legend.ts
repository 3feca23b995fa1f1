/** How to read the strip. Shapes and signs say it, colours only repeat it. */
import { html } from 'lit-html'

export const legend = html`<p class="tape-legend">
  <span><b aria-hidden="true">+</b>insert</span>
  <span><b class="legend-update" aria-hidden="true">~</b>update</span>
  <span><b class="legend-delete" aria-hidden="true">×</b>delete</span>
  <span><b class="legend-hole" aria-hidden="true"></b>hole</span>
  <span><b class="legend-folded" aria-hidden="true"></b>folded into another one</span>
  <span><b class="legend-overwritten" aria-hidden="true"></b>overwritten since</span>
  <span><b class="legend-pending" aria-hidden="true">…</b>waits</span>
  <span><b class="legend-sent" aria-hidden="true">↑</b>sent, not numbered yet</span>
  <span><b class="legend-stack" aria-hidden="true">×3</b>several changes as one</span>
  <span><b class="legend-own" aria-hidden="true">you</b>made on this device</span>
  <span><b class="legend-concurrent" aria-hidden="true">∥</b>at the same time as the one you look at</span>
  <span><b class="legend-seen" aria-hidden="true"></b>seen by it</span>
</p>`
