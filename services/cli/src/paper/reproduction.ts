// One `valence paper`, from its options to its tables, on a service elsewhere or one of its own.
import { join } from "node:path";
import { connect, Problem } from "@valence/client";
import { HomeTaken, takeHome } from "@valence/supervisor/home/lock";
import { DEFAULT_HOME } from "@valence/supervisor/paths";
import { type Stack, startStack } from "@valence/supervisor/stack";
import { bold, dim, say, step } from "@valence/supervisor/terminal";
import { onWish } from "@valence/supervisor/wish";
import { Board } from "../board.js";
import type { Target } from "../contexts.js";
import { Failure, STATUS } from "../failure.js";
import { explained } from "../service.js";
import { checkMetrics, selectRows } from "./plan.js";
import { readRecipe, readSettings } from "./recipe.js";
import { findFolder, reproduce } from "./reproduce.js";
import { readResults, withEarlierRows } from "./results.js";
import { failuresOf } from "./sheets.js";
import { print, writeResults } from "./tables.js";
import { withTests } from "./testing.js";

export interface Options {
	recipe: string;
	dataset: string;
	/** Undefined: those of the recipe. */
	seeds: number[] | undefined;
	models: string[] | undefined;
	data: string | undefined;
	/** Null: one of this command's own. */
	service: Target | null;
	out: string;
	/** Whether runs that results files of `out` hold count as done. */
	reuse?: boolean | undefined;
	/** For a program that wants the results. */
	print: (results: unknown) => void;
}

const HOME = join(DEFAULT_HOME, "paper");

/** What it has started ends with it. */
export class Reproduction {
	private readonly board = new Board();
	private stack: Stack | null = null;
	private home: { release(): void } | null = null;
	private stopping: Promise<void> | null = null;

	constructor(private readonly options: Options) {}

	async run(): Promise<void> {
		onWish(() => this.interrupt());
		try {
			const missing = await this.reproduce();
			await this.stop();
			if (missing > 0) throw new Failure(`\n  ${missing} runs are missing; the same command tries them again.`);
		} catch (error) {
			// Requests that fail because we are stopping are no news.
			if (this.stopping) await new Promise(() => undefined);
			await this.stop();
			throw inWords(error, this.options.service);
		}
	}

	/** Returns how many rows lack a run. */
	private async reproduce(): Promise<number> {
		const { recipe: name, dataset, seeds, models, data, out, service, reuse } = this.options;
		const whole = readRecipe(name);
		const recipe = selectRows({ ...whole, seeds: seeds ?? whole.seeds }, models ?? null);
		checkMetrics(recipe);
		const folder = findFolder(dataset, data ?? null, HOME);
		const settings = readSettings(dataset);
		say(`\n${bold(`${recipe.title} on ${dataset}`)}\n`);
		const url = service?.url ?? (await this.ownService());
		say(dim(`  dashboard ${url}/ui/${service ? `  (${service.from})` : ""}`));
		const broke = this.stack?.broken.then((error) => Promise.reject(error));
		const task = { recipe, settings, folder, own: service === null, url, reuse: reuse ? out : null, board: this.board };
		const api = connect(url, service?.key);
		const work = reproduce(api, task).then(async (results) => {
			const all = withEarlierRows(results, readResults(out, whole.name, results.dataset.name), whole);
			// What took hours is kept before anything else is asked of the service.
			writeResults(out, all);
			return { results, all: await withTests(api, all) };
		});
		const { results, all } = await (broke ? Promise.race([work, broke]) : work);
		// Nothing was tested only because we are stopping.
		if (this.stopping) await new Promise(() => undefined);
		print(all);
		const kept = all.rows.length - results.rows.length;
		if (kept > 0) say(dim(`  kept from the file that was there: ${kept} of the rows`));
		say(`\n  written to ${bold(`${writeResults(out, all)}.{md,csv,tex,json}`)}`);
		this.options.print(all);
		return failuresOf(results).length;
	}

	private async ownService(): Promise<string> {
		this.home = takeHome(HOME);
		this.stack = await step("Start PostgreSQL, trainer, recommender, worker and api", () =>
			startStack({ home: HOME, port: 0, tell: (message) => this.board.keep(message) }),
		);
		return this.stack.url;
	}

	private async stop(): Promise<void> {
		await this.stack?.stop();
		this.home?.release();
	}

	private interrupt(): void {
		if (this.stopping) {
			this.stack?.kill();
			process.exit(STATUS.interrupted);
		}
		this.board.close();
		say(`\n${dim("stopping …")}`);
		this.stopping = this.stop();
		// A key has no place in what a terminal keeps.
		const given = process.argv
			.slice(2)
			.join(" ")
			.replace(/--key[= ]\S+/, "--key …");
		this.stopping.finally(() => {
			const rest =
				this.options.service === null
					? "What is finished is kept."
					: "The service goes on without this command; its dashboard cancels what is under way.";
			say(`${rest} The same command goes on from here:\n  valence ${given}`);
			process.exit(STATUS.interrupted);
		});
	}
}

function inWords(error: unknown, service: Target | null): unknown {
	if (error instanceof HomeTaken)
		return new Failure(`${error.message}\nanother valence paper is at work there; wait for it or stop it`);
	if (!(error instanceof Problem)) return error;
	return service
		? explained(error, service)
		: new Failure(error.detail, error.status === 0 ? STATUS.unreachable : STATUS.refused, false, error);
}
