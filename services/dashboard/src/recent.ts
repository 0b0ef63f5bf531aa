// Users shown lately, kept in the browser alone.
const MOST = 8;

/** What was stored, whoever stored it: ids and nothing else. */
export const recentFrom = (stored: unknown): string[] =>
	Array.isArray(stored) ? stored.filter((one) => typeof one === "string").slice(0, MOST) : [];

/** The latest first, each once. */
export const remembered = (recent: string[], id: string) => [id, ...recent.filter((one) => one !== id)].slice(0, MOST);
