// An interrupted command leaves its runs in the queue of its own service; a later one that asks for something else should
// not wait for them. Those that have not begun are cancelled, which loses nothing: they are launched again when asked for.
import type { Client, Experiment, Page } from "../client.js";

/** How many were cancelled, and how many that have begun come first. */
export async function clearQueue(api: Client, wanted: Set<string>): Promise<{ cancelled: number; ahead: number }> {
	const { items } = await api.get<Page<Experiment>>("/experiments?limit=200");
	let [cancelled, ahead] = [0, 0];
	for (const { id } of items.filter(({ state }) => state === "QUEUED" || state === "RUNNING")) {
		for (const run of (await api.get<Experiment>(`/experiments/${id}`)).runs) {
			if (wanted.has(run.id) || (run.state !== "QUEUED" && run.state !== "RUNNING")) continue;
			if (run.state === "QUEUED" && run.epoch === 0) {
				await api.post(`/runs/${run.id}/cancel`, {}).catch(() => undefined); // it may just have begun
				cancelled++;
			} else ahead++;
		}
	}
	return { cancelled, ahead };
}
