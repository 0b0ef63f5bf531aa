// A recipe on a dataset, from its file to its results, through the HTTP API.
import type { Client, Model, Page, System, WholeRun } from "../client.js";
import { importFolder } from "../import-folder.js";
import { dim, say, step } from "../terminal.js";
import type { Board } from "./board.js";
import { fillFolder } from "./folder.js";
import { launch } from "./launching.js";
import { machineOf } from "./machine.js";
import { plan, wants } from "./plan.js";
import { clearQueue } from "./queue.js";
import type { Recipe } from "./recipe.js";
import { type Results, rowsOf } from "./results.js";
import { fits, type Reused, runsOfFiles } from "./reused.js";
import type { Setting } from "./setting.js";
import { watch } from "./watching.js";

export interface Task {
	recipe: Recipe;
	settings: Map<string, Setting>;
	folder: string;
	/** Whether the service is this command's own. */
	own: boolean;
	url: string;
	/** Folder of results whose runs count as done; null: only those of the service do. */
	reuse: string | null;
	board: Board;
}

export async function reproduce(api: Client, task: Task): Promise<Results> {
	const { recipe, settings, folder, own, url, reuse, board } = task;
	const { items: models } = await api.get<Pick<Page<Model>, "items">>("/models");
	const rows = plan(recipe, settings, models);
	await fillFolder(folder);
	const dataset = await step(`Import ${folder}`, () => importFolder(api, folder));
	const all = wants(rows);
	const reused = reuse === null ? [] : runsOfFiles(reuse, dataset, recipe);
	const wanted = all.filter((want) => !reused.some((one) => fits(one, want)));
	const launched = await launch(api, recipe, dataset, wanted);
	if (own) {
		const { cancelled, ahead } = await clearQueue(api, new Set(launched.runs.map((run) => run.id)));
		if (cancelled > 0) say(dim(`  ${cancelled} waiting runs of an earlier command are cancelled`));
		if (ahead > 0) say(dim(`  ${ahead} begun runs of an earlier command come first`));
	}
	const fresh = wanted.length - launched.done - launched.open;
	const old = launched.done + launched.open;
	const kept = all.length - wanted.length;
	say(
		`  ${all.length} runs: ${fresh} new${old ? `, ${launched.done} done before, ${launched.open} under way` : ""}${kept ? `, ${kept} of results files` : ""}`,
	);
	const metric = `valid.recall@${recipe.protocol.cutoffs[0]}`;
	const names = new Map(launched.runs.map((run, index) => [run.id, wanted[index]?.name ?? run.model]));
	const runs = await watch(api, { ...launched, names, metric }, board);
	const whole: WholeRun[] = [];
	for (const run of runs) whole.push(await api.get<WholeRun>(`/runs/${run.id}`));
	const hash = oneProtocol(launched.protocolHash, reused);
	const { users = 0, items = 0, interactions = 0 } = dataset.statistics ?? {};
	return {
		recipe: recipe.name,
		title: recipe.title,
		layout: recipe.layout,
		metrics: recipe.metrics,
		seeds: recipe.seeds,
		dataset: { name: dataset.name, users, items, interactions, splitDigest: dataset.splitDigest ?? "" },
		protocol: { ...recipe.protocol, hash },
		rows: rowsOf(rows, whole, machineOf(await api.get<System>("/system"), url), reused),
	};
}

/** Numbers of two versions of the protocol do not mix in one table. */
function oneProtocol(launched: string | null, reused: Reused[]): string {
	const hashes = new Set([...(launched ? [launched] : []), ...reused.map((one) => one.protocolHash)]);
	if (hashes.size > 1)
		throw new Error(`the results files have runs of another protocol (${[...hashes].join(", ")}); go without --reuse`);
	return [...hashes][0] ?? "";
}
