// Ids of items as somebody pastes them.

/** Separated by commas or lines; in double quotes an id may hold commas. Each once, in their order. */
export function pastedIds(text: string): string[] {
	const ids = [...text.matchAll(/[ \t]*"((?:[^"]|"")*)"[ \t]*(?=[,\r\n]|$)|[^,\n]+/g)].map(([whole, quoted]) =>
		quoted === undefined ? whole.trim() : quoted.replaceAll('""', '"').trim(),
	);
	return [...new Set(ids)].filter(Boolean);
}
