/* What the bell says and when a notification is due, without a browser. */

export const KEY = "tltk:notify";

/* Whether the user has switched notifications on in this browser. */
export const isOn = (storage) => storage.getItem(KEY) === "on";

/* Whether to notify: it is allowed and wanted, and nobody looks at the page, which has a toast. */
export const shouldTell = (permission, on, focused) => permission === "granted" && on && !focused;

/* Words of the bell, whether it is pressed, and whether it can be. */
export function label(permission, on) {
  if (permission === "denied") return ["Notifications blocked", false, true];
  return permission === "granted" && on ? ["Will notify", true, false] : ["Notify me", false, false];
}
