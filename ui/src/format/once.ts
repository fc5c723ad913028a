/** Keep what was made for a key: Intl's formatters cost a hundred times more to make than to use. */
export function once<Key extends ReadonlyArray<string | number>, T>(make: (...key: Key) => T): (...key: Key) => T {
  const made = new Map<string, T>();
  return (...key) => {
    const name = key.join(" ");
    const known = made.get(name);
    if (known !== undefined) return known;
    const fresh = make(...key);
    made.set(name, fresh);
    return fresh;
  };
}
