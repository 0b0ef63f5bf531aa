// What a page shows stands in the address: it can be shared, and the back button undoes a step.

/** New values of parameters; null and an empty list take one out. */
export type Changes = Record<string, string | string[] | null>;

export function changed(search: URLSearchParams, changes: Changes): URLSearchParams {
	const next = new URLSearchParams(search);
	for (const [name, value] of Object.entries(changes)) {
		next.delete(name);
		for (const one of [value ?? []].flat()) next.append(name, one);
	}
	return next;
}
