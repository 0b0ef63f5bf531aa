// What became of a search, as people read it: its trials, the best one, which fields it depends on.
import {
	type Client,
	dimensionSentence,
	type ExperimentDetail,
	endingOf,
	isPruned,
	plain,
	type Search,
	type SearchDetail,
	type SearchTrial,
	untoldSentence,
} from "@valence/client";
import { bold, count, dim, duration, facts, green, red, say, table } from "@valence/supervisor/terminal";
import { short } from "./finding.js";
import { titleOf } from "./metrics.js";

/** Characters of the longest bar. */
const WIDEST_BAR = 24;

export const titleOfTrials = ({ protocol }: Pick<ExperimentDetail, "protocol">) =>
	`valid ${titleOf(`recall@${protocol.cutoffs[0]}`)}`;

export async function saySearch(api: Client, search: Search, experiment: ExperimentDetail): Promise<SearchDetail> {
	const path = { id: search.id };
	const detail = await api.get("/searches/{id}", { path });
	const importance = await api.get("/searches/{id}/importance", { path });
	const metric = titleOfTrials(experiment);
	say(`\n  ${bold(`${search.model} on ${experiment.dataset.name}`)} ${dim(short(experiment.id))}\n`);
	facts([
		["id", search.id],
		[
			"search",
			`${count(search.trials, "trial")}, ${STRATEGIES[search.strategy]}${search.prune === null ? "" : ", pruned by halving"}`,
		],
		[
			"space",
			Object.entries(search.space)
				.map(([field, dimension]) => `${field} ${dimensionSentence(dimension)}`)
				.join("; "),
		],
		["trials", countsOf(search)],
	]);
	sayTrials(detail, metric);
	const untold = untoldSentence(importance, search);
	if (untold === null) {
		say(`\n  ${bold("What it depends on")}`);
		const most = Math.max(...importance.fields.map(({ share }) => share));
		facts(importance.fields.map(({ field, share }) => [field, `${bar(share / most)} ${Math.round(share * 100)} %`]));
	} else say(dim(`\n  What it depends on: ${untold}`));
	sayBest(search, metric, experiment);
	return detail;
}

const STRATEGIES = { tpe: "by what is known of earlier ones (TPE)", random: "each by itself" } as const;
const ENDINGS = ["complete", "pruned", "failed", "cancelled", "running", "waiting"] as const;

const bar = (share: number) => "█".repeat(Math.max(1, Math.round(share * WIDEST_BAR)));

const countsOf = ({ counts }: Search) =>
	ENDINGS.filter((ending) => counts[ending] > 0)
		.map((ending) => `${counts[ending]} ${ending}`)
		.join(", ");

function sayTrials({ history, space, best }: SearchDetail, metric: string): void {
	const begun = history.filter(({ state }) => state !== "QUEUED");
	if (begun.length === 0) {
		say(dim("\n  No trial has begun yet."));
		return;
	}
	const fields = Object.keys(space);
	say();
	table(
		["trial", "state", metric, "best so far", ...fields, "epochs", "time"],
		begun.map((trial) => [
			...[String(trial.number), endingOf(trial)],
			...[trial.value?.toFixed(4) ?? "–", trial.bestSoFar?.toFixed(4) ?? "–"],
			...fields.map((field) => (trial.chosen === null ? "–" : brief(trial.chosen[field]))),
			...[String(trial.epochs), trial.seconds === null ? "–" : duration(trial.seconds)],
		]),
		{
			left: [1],
			paint: (text, row, column) => {
				const trial = begun[row] as SearchTrial;
				if (column === 1) return trial.state === "FAILED" ? red(text) : isPruned(trial) ? dim(text) : text;
				return best?.number === trial.number && column === 2 ? green(text) : text;
			},
		},
	);
}

/** Of a fraction what tells it apart. */
const brief = (value: unknown) =>
	typeof value === "number" && !Number.isInteger(value) ? String(Number(value.toPrecision(4))) : plain(value);

function sayBest(search: Search, metric: string, { id, searches }: ExperimentDetail): void {
	const { best, isOver, confirmedBy } = search;
	if (best === null) {
		say(`\n  ${isOver ? "No trial is complete, so none is best." : "No trial is complete yet."}`);
		return;
	}
	const chosen = Object.entries(best.chosen).map(([field, value]) => `${field}=${brief(value)}`);
	say(
		`\n  ${bold(`Trial ${best.number}`)} is the best${isOver ? "" : " so far"}: ${chosen.join(" ")}, ${metric} ${best.value.toFixed(4)}`,
	);
	// An experiment may have several, and of one model, too.
	const which = searches.length > 1 ? ` --id ${short(search.id)}` : "";
	if (confirmedBy)
		say(`\n  Next: ${bold(`valence compare ${short(confirmedBy.id)}`)} shows what its fresh seeds came to`);
	else if (isOver)
		say(
			`\n  Next: ${bold(`valence search ${short(id)}${which} --confirm`)} trains it with three fresh seeds, and refits it`,
		);
	else say(`\n  Its fresh seeds can be trained once the search is over.`);
}
