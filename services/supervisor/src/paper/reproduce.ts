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
import type { Setting } from "./setting.js";
import { watch } from "./watching.js";

export interface Task {
	recipe: Recipe;
	settings: Map<string, Setting>;
	folder: string;
	/** Whether the service is this command's own. */
	own: boolean;
	url: string;
	board: Board;
}

export async function reproduce(api: Client, task: Task): Promise<Results> {
	const { recipe, settings, folder, own, url, board } = task;
	const { items: models } = await api.get<Pick<Page<Model>, "items">>("/models");
	const rows = plan(recipe, settings, models);
	const wanted = wants(rows);
	await fillFolder(folder);
	const dataset = await step(`Import ${folder}`, () => importFolder(api, folder));
	const launched = await launch(api, recipe, dataset, wanted);
	if (own) {
		const { cancelled, ahead } = await clearQueue(api, new Set(launched.runs.map((run) => run.id)));
		if (cancelled > 0) say(dim(`  ${cancelled} waiting runs of an earlier command are cancelled`));
		if (ahead > 0) say(dim(`  ${ahead} begun runs of an earlier command come first`));
	}
	const fresh = wanted.length - launched.done - launched.open;
	const old = launched.done + launched.open;
	say(
		`  ${wanted.length} runs: ${fresh} new${old ? `, ${launched.done} done before, ${launched.open} under way` : ""}`,
	);
	const metric = `valid.recall@${recipe.protocol.cutoffs[0]}`;
	const names = new Map(launched.runs.map((run, index) => [run.id, wanted[index]?.name ?? run.model]));
	const runs = await watch(api, { ...launched, names, metric }, board);
	const whole: WholeRun[] = [];
	for (const run of runs) whole.push(await api.get<WholeRun>(`/runs/${run.id}`));
	const { users = 0, items = 0, interactions = 0 } = dataset.statistics ?? {};
	return {
		recipe: recipe.name,
		title: recipe.title,
		layout: recipe.layout,
		metrics: recipe.metrics,
		seeds: recipe.seeds,
		dataset: { name: dataset.name, users, items, interactions, splitDigest: dataset.splitDigest ?? "" },
		protocol: { ...recipe.protocol, hash: launched.protocolHash },
		rows: rowsOf(rows, whole, machineOf(await api.get<System>("/system"), url)),
	};
}
