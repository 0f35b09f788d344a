/* The palette as the server has it. */

import { readFile } from "node:fs/promises";

export const palette = JSON.parse(await readFile(new URL("../../assets/palette.json", import.meta.url), "utf8"));
