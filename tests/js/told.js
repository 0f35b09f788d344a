/* A component that writes down what is asked of it. */

export function mount() {
  told.push("mount");
  return {};
}

export function update(view, data) {
  told.push(`update ${data.n}`);
}

export function unmount() {
  told.push("unmount");
}
