/* What Streamlit runs as the script of a component. It takes text and no URL, so this text asks the app's own
   server for the module that `data.module` names, and keeps what that module mounted.

   A module exports `mount(parent) → view`, `update(view, data, send)` and `unmount(view)`. Streamlit calls the
   default export whenever `data` or the theme changes, does not wait for the call before, and runs the clean-up
   of a call that was overtaken: only that of the latest call may take the view away. */

const slots = new WeakMap(); // the element that Streamlit gives → { calls, component, view }

export default async function ({ parentElement, data, setTriggerValue }) {
  const slot = slots.get(parentElement) ?? { calls: 0 };
  slots.set(parentElement, slot);
  slot.calls += 1;
  const call = slot.calls;
  try {
    const component = await import(new URL(data.module, location.origin));
    if (call === slot.calls) {
      if (slot.component !== component) clear(slot); // a newer server's
      slot.view ??= component.mount(parentElement);
      slot.component = component;
      component.update(slot.view, data, setTriggerValue);
    }
  } catch (error) {
    if (call === slot.calls) complain(slot, parentElement);
    console.error(error);
  }
  return () => call === slot.calls && clear(slot);
}

function clear(slot) {
  slot.component?.unmount(slot.view);
  slot.sentence?.remove();
  slot.component = slot.view = slot.sentence = undefined;
}

function complain(slot, parent) {
  clear(slot);
  slot.sentence = document.createElement("p");
  slot.sentence.setAttribute("role", "alert");
  slot.sentence.textContent = "This part of the page could not be loaded. Reload the page.";
  parent.append(slot.sentence);
}
