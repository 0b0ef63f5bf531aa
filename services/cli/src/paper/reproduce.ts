// A recipe on a dataset, from its file to its results, through the HTTP API.
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Client, RunDetail } from "@valence/client";
import { SHARED_DATA } from "@valence/supervisor/paths";
import { dim, say, step } from "@valence/supervisor/terminal";
import type { Board } from "../board.js";
import { importFolder, writeSample } from "../import-folder.js";
import { watch } from "../watching.js";
import { withCases } from "./case.js";
import { clearQueue, launch } from "./launching.js";
import { plan, wants } from "./plan.js";
import { caseOf, type Recipe, type Setting } from "./recipe.js";
import { fits, machineOf, type Results, type Reused, rowsOf, runsOfFiles } from "./results.js";

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
	const { items: models } = await api.get("/models");
	const { items: known } = await api.get("/metric-definitions");
	const rows = plan(recipe, settings, models);
	if (!existsSync(folder)) await writeSample(folder);
	const dataset = await step(`Import ${folder}`, () => importFolder(api, folder));
	const all = wants(rows);
	const asksForCase = caseOf(recipe);
	// Of a user only a checkpoint can be asked, which files do not hold.
	const reused = reuse === null || asksForCase ? [] : runsOfFiles(reuse, dataset, recipe);
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
	const watched = `valid.recall@${recipe.protocol.cutoffs[0]}`;
	const names = new Map(launched.runs.map((run, index) => [run.id, wanted[index]?.name ?? run.model]));
	const runs = await watch(api, { ...launched, names, metric: watched }, board);
	const whole: RunDetail[] = [];
	for (const run of runs) whole.push(await api.get("/runs/{id}", { path: { id: run.id } }));
	const hash = oneProtocol(launched.protocolHash, reused);
	const found = rowsOf(rows, whole, machineOf(await api.get("/system"), url), reused);
	const [metric = ""] = recipe.metrics;
	const { users = 0, items = 0, interactions = 0 } = dataset.statistics ?? {};
	return {
		recipe: recipe.name,
		title: recipe.title,
		layout: recipe.layout,
		metrics: recipe.metrics,
		definitions: known
			.filter(({ name }) => recipe.protocol.metrics.includes(name))
			.map(({ name, title, better }) => ({ name, title, better })),
		seeds: recipe.seeds,
		dataset: { name: dataset.name, users, items, interactions, splitDigest: dataset.splitDigest ?? "" },
		protocol: { ...recipe.protocol, hash },
		rows: asksForCase ? await withCases(api, found, { layout: asksForCase, metric, dataset: dataset.name }) : found,
	};
}

/** Numbers of two versions of the protocol do not mix in one table. */
function oneProtocol(launched: string | null, reused: Reused[]): string {
	const hashes = new Set([...(launched ? [launched] : []), ...reused.map((one) => one.protocolHash)]);
	if (hashes.size > 1)
		throw new Error(`the results files have runs of another protocol (${[...hashes].join(", ")}); go without --reuse`);
	return [...hashes][0] ?? "";
}

/** The built-in sample, made in `home` when it is wanted. */
const SAMPLE = "sample";

/** The folder that holds the files of a dataset. Throws when there is none. */
export function findFolder(name: string, data: string | null, home: string): string {
	const place = data ?? SHARED_DATA;
	const folder = join(place, name);
	if (existsSync(folder) && statSync(folder).isDirectory()) return folder;
	if (name === SAMPLE) return join(home, SAMPLE);
	if (!existsSync(place)) {
		const missing = data ? `${place} does not exist` : "there is no folder of datasets beside this checkout";
		throw new Error(
			`${missing}: give one with --data DIR, where DIR/${name} holds ${name}.train.inter, .valid.inter and .test.inter (plain or .gz), or take --dataset sample`,
		);
	}
	const there = readdirSync(place, { withFileTypes: true }).filter((entry) => entry.isDirectory());
	throw new Error(`${place} has no ${name}; it has ${[...there.map((entry) => entry.name), SAMPLE].join(", ")}`);
}
