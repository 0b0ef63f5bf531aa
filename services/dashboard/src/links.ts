// Addresses of single things, that one can send.
/** A part of an address that browsers read as a step in the path cannot be an id in it. */
const isStep = (id: string) => /^\.{1,2}$/.test(id) || id.includes("%2F");

/** The page of a user; `search` is what else its address holds. */
export function userPath(id: string, search = new URLSearchParams()): string {
	const next = new URLSearchParams(search);
	next.delete("id");
	if (isStep(id)) next.set("id", id);
	const query = next.toString();
	return `/users${isStep(id) ? "" : `/${encodeURIComponent(id)}`}${query && `?${query}`}`;
}

export const datasetPath = (id: string) => `/datasets/${id}`;

export const feedPath = (name: string) => `/feeds/${name}`;
