// The refit of a run, begun or found, and followed to its end where that is wanted.
import type { Client, Run, RunDetail } from "@valence/client";
import { bold, dim, say } from "@valence/supervisor/terminal";
import { Board } from "./board.js";
import { Failure, STATUS } from "./failure.js";
import { short } from "./finding.js";
import { isOpen, watch } from "./watching.js";

/** Of a run that is one itself: that one. */
export async function refit(api: Client, run: Run): Promise<RunDetail> {
	if (run.vouchedBy !== null) return api.get("/runs/{id}", { path: { id: run.id } });
	const begun = await api.post("/runs/{id}/refit", { path: { id: run.id } });
	const of = `of ${run.model} seed ${run.seed} ${dim(short(run.id))}, on all interactions of ${begun.dataset.name}`;
	say(`  ${bold("Refit")} ${dim(short(begun.id))} ${of}`);
	return begun;
}

/** Throws when it came to nothing. */
export async function refitDone(api: Client, begun: Run): Promise<RunDetail> {
	const board = new Board();
	const leave = () => {
		board.close();
		say(`\n  The service goes on; ${bold(`valence runs ${short(begun.id)}`)} shows how far it is.`);
		process.exit(STATUS.interrupted);
	};
	process.once("SIGINT", leave);
	const names = new Map([[begun.id, `${begun.model} refit`]]);
	const experimentOf = new Map([[begun.id, begun.experimentId]]);
	if (isOpen(begun)) await watch(api, { runs: [begun], names, experimentOf, metric: "" }, board);
	process.off("SIGINT", leave);
	const done = await api.get("/runs/{id}", { path: { id: begun.id } });
	if (done.state !== "SUCCEEDED")
		throw new Failure(
			`the refit came to nothing (${done.state.toLowerCase()}); valence runs ${short(done.id)} says why`,
		);
	return done;
}
