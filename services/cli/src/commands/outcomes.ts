// valence outcomes: whether people take what a deployment recommends.
import type { Outcome, Outcomes } from "@valence/client";
import { bold, count, dim, say, table } from "@valence/supervisor/terminal";
import type { Argv } from "yargs";
import { countOf } from "../arguments.js";
import { short } from "../finding.js";
import { remoteOptions, withService } from "../service.js";

const MOST_DAYS = 30;
const MOST_HOURS = 168;

export const outcomes = (line: Argv) =>
	line.command(
		"outcomes [deployment]",
		"Whether people take what is recommended, by tier, checkpoint and day",
		(yargs) =>
			remoteOptions(yargs)
				.positional("deployment", { type: "string", default: "default", describe: "Its name" })
				.option("days", {
					type: "string",
					requiresArg: true,
					default: String(MOST_DAYS),
					coerce: (text: string) => countOf("--days", text, MOST_DAYS),
					describe: "Up to today, UTC",
				})
				.option("within-hours", {
					type: "string",
					requiresArg: true,
					default: "24",
					coerce: (text: string) => countOf("--within-hours", text, MOST_HOURS),
					describe: "How long after an answer what is done counts",
				})
				.example("$0 outcomes", "of the last 30 days"),
		(options) => {
			const { deployment, days, withinHours } = options;
			return withService(options, async (api) => {
				const found = await api.get("/deployments/{name}/outcomes", {
					path: { name: deployment },
					query: { days, withinHours },
				});
				sayOutcomes(found);
				return found;
			});
		},
	);

const NOT_RECORDED = {
	off: "Nothing is recorded: OUTCOMES is off on the service.",
	no_feed: "Nothing is recorded: the deployment names no feed, so nobody can say what people do.",
};

function sayOutcomes({ recording, total, withinHours, answered, recordedShare, unmatched, ...by }: Outcomes): void {
	if (recording !== "on") say(`  ${NOT_RECORDED[recording]}`);
	if (answered === 0) {
		if (recording === "on") say("  Nothing was answered in these days.");
		return;
	}
	sayTotal(total, withinHours);
	if (recordedShare !== null && recordedShare < 1)
		say(`  ${percent(recordedShare)} of ${count(answered, "answer")} are recorded.`);
	if (unmatched > 0) say(`  ${count(unmatched, "interaction")} named an answer and count in none.`);
	say();
	const rows: [string, Outcome][] = [
		...by.tiers.map(({ tier, ...of }): [string, Outcome] => [tier, of]),
		...by.checkpoints.map(({ checkpoint: { id, model, epoch }, ...of }): [string, Outcome] => [
			model === null ? `${short(id)}, deleted` : `${model}, epoch ${epoch}`,
			of,
		]),
		...by.days.map(({ day, ...of }): [string, Outcome] => [day, of]),
	];
	table(
		["", "answers", "open", "taken", "share", "95 %", "mean rank", "95 %"],
		rows.map(([name, { answers, open, taken, share, shareInterval, meanRank, meanRankInterval }]) => [
			name,
			...[answers, open, taken].map((number) => number.toLocaleString("en")),
			share === null ? "–" : percent(share),
			shareInterval ? `${percent(shareInterval.low)} to ${percent(shareInterval.high)}` : "",
			meanRank === null ? "–" : meanRank.toFixed(1),
			meanRankInterval ? `${meanRankInterval.low.toFixed(1)} to ${meanRankInterval.high.toFixed(1)}` : "",
		]),
		{ left: [0] },
	);
}

/** An answer is open until its hours are over; only then it counts. */
export function sayTotal({ share, answers, open }: Outcome, withinHours: number): void {
	const still = `${open.toLocaleString("en")} ${open === 1 ? "is" : "are"} still open`;
	if (share === null) say(`  No answer has had its ${withinHours} h yet: ${still}.`);
	else {
		const taken = `${bold(percent(share))} of ${count(answers, "answer")} had an item taken within ${withinHours} h`;
		say(`  ${taken}${open > 0 ? dim(`; ${still}`) : ""}`);
	}
}

const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
