/* The one palette, as the server has it: assets/palette.json. */

const reply = await fetch(new URL("../../palette.json", import.meta.url));
export const palette = await reply.json();
