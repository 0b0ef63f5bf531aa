// A refresh that the living demo shows: a line a step with what it is for and how long it took, then the numbers.
import type { Client, NewRefreshRule, Refresh } from "@valence/client";
import { forgetNow, say, sayDone, sayNow } from "@valence/supervisor/terminal";
import { Failure } from "../failure.js";
import { followRefresh, sayVerdict, trainingLine } from "../refreshing.js";

const POLL_MS = 200;
type Step = Refresh["step"];

/** In their order. */
const STEPS: Record<Step, string> = {
	snapshot: "Snapshot: the feed becomes a dataset",
	train: "Train and test a candidate, and popularity beside it",
	compare: "Compare, on what came last",
	refit: "Refit: the same training on everything",
	switch: "Switch: warmed, then served",
};

/** Renews a deployment by a rule, to the outcome that is meant to be shown. */
export async function renew(
	api: Client,
	deployment: string,
	rule: NewRefreshRule,
	expected: Refresh["outcome"],
): Promise<Refresh> {
	const path = { name: deployment };
	await api.put("/deployments/{name}/refresh", { path, body: rule });
	const refresh = await show(api, await api.post("/deployments/{name}/refreshes", { path, body: {} }));
	say();
	sayVerdict(refresh);
	if (refresh.outcome !== expected) throw new Failure(`the refresh was to be ${expected}, and is ${refresh.outcome}`);
	return refresh;
}

/** Until it has switched or is refused; throws when it fails or is cancelled. */
async function show(api: Client, begun: Refresh): Promise<Refresh> {
	const steps = Object.keys(STEPS) as Step[];
	let shown = steps.indexOf(begun.step);
	let since = Date.now();
	/** What lies before this step is done. */
	const reach = (step: number) => {
		if (shown < step) forgetNow();
		for (; shown < step; shown++) {
			sayDone(STEPS[steps[shown] as Step], since);
			since = Date.now();
		}
	};
	try {
		const refresh = await followRefresh(api, begun, POLL_MS, (now) => {
			if (now) reach(steps.indexOf(now.step));
			sayNow(now ? `  ${STEPS[now.step]} … ${trainingLine(now)}` : "  the service does not answer; asking again");
		});
		if (refresh.state !== "SUCCEEDED") throw new Failure(`the refresh came to nothing: ${refresh.reason}`);
		reach(steps.indexOf(refresh.step) + 1);
		return refresh;
	} finally {
		forgetNow();
	}
}
