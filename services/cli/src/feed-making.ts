// A feed that a command makes where it is not there, and takes away again when nothing came into it.
import { type Client, Problem } from "@valence/client";
import { Failure } from "./failure.js";

/** With the feed. Where the work is refused, a feed that was made for it and is still empty goes again. */
export async function intoFeed<T>(api: Client, name: string, work: () => Promise<T>): Promise<T> {
	const isNew = !(await isThere(api, name));
	await api.put("/feeds/{name}", { path: { name } });
	try {
		return await work();
	} catch (error) {
		if (isNew && isFinal(error)) await removeEmpty(api, name).catch(() => undefined);
		throw error;
	}
}

async function isThere(api: Client, name: string): Promise<boolean> {
	try {
		await api.get("/feeds/{name}", { path: { name } });
		return true;
	} catch (error) {
		if (error instanceof Problem && error.code === "not_found") return false;
		throw error;
	}
}

/** Of any other error the service may still be at work. */
const isFinal = (error: unknown) =>
	error instanceof Failure || (error instanceof Problem && error.status >= 400 && error.status < 500);

async function removeEmpty(api: Client, name: string): Promise<void> {
	const { interactions, items } = await api.get("/feeds/{name}", { path: { name } });
	if (interactions === 0 && items === 0) await api.delete("/feeds/{name}", { path: { name } });
}
