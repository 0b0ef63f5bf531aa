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

/** The interests of a user as the test of a run saw them; without a user, where one is asked for. */
export function runUserPath(run: string, user?: string, beside: string | null = null): string {
	const asStep = user !== undefined && !isStep(user) ? `/${encodeURIComponent(user)}` : "";
	const query = new URLSearchParams({
		...(user !== undefined && isStep(user) && { user }),
		...(beside !== null && { beside }),
	}).toString();
	return `/runs/${run}/users${asStep}${query && `?${query}`}`;
}

export const datasetPath = (id: string) => `/datasets/${id}`;

export const feedPath = (name: string) => `/feeds/${name}`;

export const searchPath = (id: string) => `/searches/${id}`;

export const refreshPath = (id: string) => `/refreshes/${id}`;

/** The configurations tested on a dataset; under the protocol used last unless one is named. */
export const leaderboardPath = (dataset: string, protocol?: string) =>
	`/leaderboard?${new URLSearchParams({ dataset, ...(protocol !== undefined && { protocol }) })}`;
