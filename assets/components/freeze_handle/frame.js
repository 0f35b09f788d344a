/* The handle's markup, which nothing of the data goes into. */

const ARM = '<path d="M8 1v14M6 2.6 8 4.4l2-1.8M6 13.4l2-1.8 2 1.8"';
const SNOWFLAKE = `
  <svg viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.4" stroke-linecap="round" aria-hidden="true">
    ${ARM}/>${ARM} transform="rotate(60 8 8)"/>${ARM} transform="rotate(120 8 8)"/></svg>`;
const FLAME = `
  <svg viewBox="0 0 16 16" fill="currentColor" aria-hidden="true"><path d="M8.6 1c.4 2.6 4.4 4.6 4.4 8.6A5 5 0 0 1 8 15a5 5 0 0 1-5-5.2
    c0-2 1.1-3.3 2.1-4.3.2 1.4.9 2.2 1.6 2.4C6.3 5.4 7 3 8.6 1z"/></svg>`;
const ARROWS = `
  <svg viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round"
    aria-hidden="true"><path d="M5.5 4.5 2 8l3.5 3.5M10.5 4.5 14 8l-3.5 3.5"/></svg>`;

export const FRAME = `
  <div class="sides">
    <div class="side frozen">${SNOWFLAKE}<b>Frozen</b><span></span></div>
    <div class="side training">${FLAME}<b>Training</b><span></span></div>
  </div>
  <div class="track">
    <div class="bars" aria-hidden="true"></div>
    <div class="handle" role="slider" tabindex="0" aria-label="Freeze boundary" aria-orientation="horizontal" aria-valuemin="0">
      <div class="grip">${ARROWS}</div><div class="tag" aria-hidden="true"></div>
    </div>
  </div>
  <div class="names" aria-hidden="true"></div>
  <div class="stages" aria-hidden="true"></div>
  <div class="maps" hidden></div>
  <p class="where"></p>
  <dl class="figures"></dl>`;
