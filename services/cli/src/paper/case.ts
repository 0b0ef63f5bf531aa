// The case of one user: whose it is, and what the model of each row says of them. Asked of the service, which has the checkpoints.
import type { Client } from "@valence/client";
import { Failure } from "../failure.js";
import type { CaseLayout } from "./recipe.js";
import type { RowResult } from "./results.js";
import { chosenPoint } from "./sheets.js";

/** The rows, each with its case. One without a run has none. Throws where a rule finds nobody. */
export async function withCases(
	api: Client,
	rows: RowResult[],
	{ layout, metric, dataset }: { layout: CaseLayout; metric: string; dataset: string },
): Promise<RowResult[]> {
	const runs = rows.map((row) => chosenPoint(row.points).runs[0]?.id ?? null);
	const known = runs.filter((run) => run !== null);
	if (known.length === 0) return rows;
	const { user, chosen } = await userOf(api, known, { layout, metric, dataset });
	const found: RowResult[] = [];
	for (const [place, row] of rows.entries()) {
		const run = runs[place];
		if (!run) {
			found.push(row);
			continue;
		}
		const path = { id: run, user };
		const { interests, history, historyTotal, heldBack } = await api.get("/runs/{id}/users/{user}/interests", {
			path,
			query: { n: layout.items },
		});
		const { items } = await api.get("/runs/{id}/users", { path: { id: run }, query: { user } });
		const values = items[0]?.values ?? {};
		found.push({ ...row, case: { run, user, chosen, values, answer: { interests, history, historyTotal, heldBack } } });
	}
	return found;
}

interface Asked {
	layout: CaseLayout;
	/** test.recall@20 */
	metric: string;
	dataset: string;
}

async function userOf(api: Client, runs: string[], { layout, metric, dataset }: Asked) {
	const named = layout.users[dataset];
	if (named !== undefined) return { user: named, chosen: "named by the recipe" };
	const [least, most] = layout.history;
	const column = metric.replace("test.", "");
	const sums = new Map<string, { sum: number; times: number }>();
	for (const id of runs) {
		for await (const { user, history, values } of api.each("/runs/{id}/users", {
			path: { id },
			query: { limit: 200 },
		})) {
			const value = values[column];
			if (history < least || history > most || value == null) continue;
			const { sum = 0, times = 0 } = sums.get(user) ?? {};
			sums.set(user, { sum: sum + value, times: times + 1 });
		}
	}
	// What no model shall profit from: the mean over all, and of equals the first as text.
	const best = [...sums]
		.filter(([, { times }]) => times === runs.length)
		.sort(([one, a], [other, b]) => b.sum - a.sum || (one < other ? -1 : 1))[0];
	if (!best) {
		throw new Failure(
			`no user of ${dataset} has ${least} to ${most} items of history and something in test; name one in the recipe's layout.users`,
		);
	}
	return {
		user: best[0],
		chosen: `of users with ${least} to ${most} items of history the one with the best ${column} in the mean over the rows`,
	};
}
