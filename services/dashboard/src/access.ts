// Keys and the audit log in words: what scopes are for, what is asked for with a new key, how a change ended.
import type { ApiKey, KeyScope, NewApiKey, System } from "@valence/client";
import { count } from "./format";

export const SCOPES: { value: KeyScope; label: string; explanation: string }[] = [
	{
		value: "serve",
		label: "serve",
		explanation: "Asks for recommendations, of one person or many, and keeps their steering.",
	},
	{ value: "data", label: "data", explanation: "Fills feeds and datasets, and erases people from them." },
	{
		value: "train",
		label: "train",
		explanation: "Trains, compares and deploys; sees datasets and what people are answered.",
	},
	{ value: "admin", label: "admin", explanation: "Does everything, and makes and revokes keys." },
];
export const explanationOf = (scope: KeyScope) => SCOPES.find(({ value }) => value === scope)?.explanation ?? "";

export const LIFETIMES = [
	{ value: "0", label: "Never" },
	{ value: "30", label: "In 30 days" },
	{ value: "90", label: "In 90 days" },
	{ value: "365", label: "In a year" },
];
const DAY_MS = 86_400_000;

export interface Wanted {
	name: string;
	scope: KeyScope;
	/** Of LIFETIMES: days; 0: never. */
	days: string;
	/** Requests a minute; empty: as the service has it for all. */
	limit: string | number;
}
/** `now` in milliseconds since 1970. */
export const requestOf = ({ name, scope, days, limit }: Wanted, now: number): NewApiKey => ({
	name: name.trim(),
	scope,
	...(days !== "0" && { expiresAt: new Date(now + Number(days) * DAY_MS).toISOString() }),
	...(limit !== "" && { rateLimit: Number(limit) }),
});

export const limitOf = ({ rateLimit }: Pick<ApiKey, "rateLimit">) =>
	rateLimit === null ? "as for all" : rateLimit === 0 ? "none" : `${count(rateLimit)} a minute`;

/** Whether pages that only an admin sees are shown; what is not known yet is not hidden. */
export const isAdmin = (system: System | undefined) => (system?.key ?? null) === null || system?.key?.scope === "admin";

const OUTCOMES: [below: number, said: string, colour: string][] = [
	[400, "done", "teal"],
	[500, "refused", "yellow"],
	[600, "failed", "red"],
];
/** Of a status; null while there is none. */
export function outcomeOf(status: number | null): { said: string; colour: string } {
	if (status === null) return { said: "unknown", colour: "gray" };
	if (status === 403) return { said: "not allowed", colour: "orange" };
	const [, said = "failed", colour = "red"] = OUTCOMES.find(([below]) => status < below) ?? [];
	return { said: status < 400 ? said : `${said} (${status})`, colour };
}

/** Where a person can look at what was changed; null where there is no page of it. */
export function pageOf(resource: string): string | null {
	const [, kind = "", id = ""] = resource.split("/");
	if (id === "" || id.startsWith(":")) return null;
	if (["experiments", "runs", "datasets", "feeds", "refreshes", "comparisons", "searches"].includes(kind))
		return `/${kind}/${id}`;
	return { deployments: "/deployments", exports: "/exports", keys: "/keys", machines: "/machines" }[kind] ?? null;
}
