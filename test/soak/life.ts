// What the load of a campaign leaves out because it would make a service grow, or not at all: people who come, do things and are
// forgotten, and somebody who clears up. With both what is there stays as much, however long it goes on.
import { setTimeout as sleep } from "node:timers/promises";
import { connect, Problem } from "@valence/client";

/** So many of each are left. */
const KEPT = 20;
const PEOPLE = 200;
const FEED = "soak";
/** Gone, still at work, served, or too much at once for the machine: somebody else's turn. */
const EXCUSED = new Set([404, 409, 503]);

export type Life = Awaited<ReturnType<typeof startLife>>;

/** `dataset` stays, with the runs on it that are younger than the oldest. */
export async function startLife(url: string, dataset: string) {
	const api = connect(url);
	await api.put("/feeds/{name}", { path: { name: FEED } });
	const wrong: string[] = [];
	const counts = { erased: 0, sent: 0, "experiments deleted": 0, "datasets deleted": 0, "exports deleted": 0 };
	let isOver = false;

	async function removed(what: keyof typeof counts, remove: () => Promise<unknown>): Promise<void> {
		try {
			await remove();
			counts[what]++;
		} catch (error) {
			if (!(error instanceof Problem && EXCUSED.has(error.status))) throw error;
		}
	}
	const surplus = <T extends { state: string }>(newestFirst: readonly T[]) =>
		newestFirst.slice(KEPT).filter(({ state }) => !["QUEUED", "RUNNING"].includes(state));

	/** The oldest experiment is that of the undisturbed run. */
	async function clearUp(): Promise<void> {
		const limit = 100;
		const { items: experiments } = await api.get("/experiments", { query: { limit } });
		for (const { id } of surplus(experiments.slice(0, -1)))
			await removed("experiments deleted", () => api.delete("/experiments/{id}", { path: { id } }));
		const { items: exports } = await api.get("/exports", { query: { limit } });
		for (const { id } of surplus(exports))
			await removed("exports deleted", () => api.delete("/exports/{id}", { path: { id } }));
		const { items: datasets } = await api.get("/datasets", { query: { limit } });
		for (const { id } of surplus(datasets.filter((one) => one.id !== dataset)))
			await removed("datasets deleted", () => api.delete("/datasets/{id}", { path: { id } }));
	}
	let arrived = 0;
	/** One comes and is told about; another, who came some time ago, asks to be forgotten. */
	async function comeAndGo(): Promise<void> {
		const path = { name: FEED };
		const interactions = Array.from({ length: 20 }, (_, row) => ({
			user: `visitor-${arrived}`,
			item: `i${(arrived + row * 7) % 200}`,
			at: Date.now() - row * 1_000,
		}));
		counts.sent += (await api.post("/feeds/{name}/interactions", { path, body: interactions })).added;
		const gone = `visitor-${arrived - PEOPLE}`;
		if (arrived >= PEOPLE)
			await removed("erased", () => api.delete("/feeds/{name}/users/{id}", { path: { name: FEED, id: gone } }));
		arrived++;
	}

	const actors: [work: () => Promise<void>, seconds: number][] = [
		[clearUp, 10],
		[comeAndGo, 0.5],
	];
	const working = actors.map(async ([work, seconds]) => {
		while (!isOver) {
			await work().catch((error) => {
				if (!(error instanceof Problem && EXCUSED.has(error.status))) wrong.push(String(error));
			});
			await sleep(seconds * 1000);
		}
	});
	return {
		counts,
		wrong,
		async stop() {
			isOver = true;
			await Promise.all(working);
		},
	};
}
