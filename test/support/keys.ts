// Keys made through the API, and calls with them.
import type { InjectOptions } from "fastify";
import type { TestApi } from "./api.js";

export const FIRST = "first-key-of-24-characters";
export const SCOPES = ["serve", "data", "train", "admin"] as const;
export type Scope = (typeof SCOPES)[number];

export const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

/** By the key of API_KEYS. */
export async function makeKey(api: TestApi, name: string, scope: Scope, more: object = {}) {
	const made = await api.call("POST", "/keys", { name, scope, ...more }, bearer(FIRST));
	if (made.status !== 201) throw new Error(`no key was made: ${JSON.stringify(made.body)}`);
	return made.body as { id: string; key: string; prefix: string };
}

export const callWith =
	(api: TestApi, key: string) => (method: InjectOptions["method"], url: string, payload?: object) =>
		api.call(method, url, payload, bearer(key));
