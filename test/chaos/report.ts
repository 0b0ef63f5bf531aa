// The campaigns so far, as a table by fault: each adds itself to the file beside the text, which is written from that.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import type { Backend } from "./battlefield.js";
import type { Outcome } from "./campaign.js";
import { FAULTS } from "./faults.js";

interface Campaign {
	backend: Backend;
	seed: number;
	outcome: Outcome;
}

/** `file` ends in .md; the numbers lie beside it in .json. */
export function writeReport(file: string, campaign: Campaign): void {
	const data = file.replace(/\.md$/, ".json");
	const before = existsSync(data) ? (JSON.parse(readFileSync(data, "utf8")) as Campaign[]) : [];
	const campaigns = [...before, campaign];
	writeFileSync(data, `${JSON.stringify(campaigns, null, "\t")}\n`);
	writeFileSync(file, textOf(campaigns));
}

function textOf(campaigns: readonly Campaign[]): string {
	const sum = (backend: Backend, of: (outcome: Outcome) => number | undefined) =>
		campaigns.reduce((all, each) => all + (each.backend === backend ? (of(each.outcome) ?? 0) : 0), 0);
	const rows = Object.entries(FAULTS).map(([name, { on }]) => {
		const cell = (backend: Backend) => {
			if (on && on !== backend) return "–";
			const missed = sum(backend, ({ missed: all }) => all[name]);
			return `${sum(backend, ({ struck }) => struck[name])}${missed > 0 ? ` (${missed} missed)` : ""}`;
		};
		return `| ${name} | ${cell("embedded")} | ${cell("services")} |`;
	});
	const total = (of: (outcome: Outcome) => Record<string, number>) => {
		const all: Record<string, number> = {};
		for (const { outcome } of campaigns)
			for (const [name, count] of Object.entries(of(outcome))) all[name] = (all[name] ?? 0) + count;
		return Object.entries(all)
			.sort(([a], [b]) => a.localeCompare(b))
			.map(([name, count]) => `| ${name} | ${count} |`);
	};
	const table = (head: string, lines: readonly string[]) => {
		const columns = head.split("|").length - 2;
		return [head, `|${" --- |".repeat(columns)}`, ...lines, ""].join("\n");
	};
	const struck = campaigns.flatMap(({ outcome }) => Object.values(outcome.struck)).reduce((all, one) => all + one, 0);
	return [
		"# Faults under load",
		"",
		"Written by `npm run chaos -- --out bench/results/chaos.md`; each campaign adds itself. A fault that found nothing to strike (no",
		"child was training, say) is counted as missed. After each campaign everything of `test/support/invariants.ts` is checked.",
		"",
		`${campaigns.length} campaigns, ${Math.round(campaigns.reduce((all, { outcome }) => all + outcome.seconds, 0) / 60)} minutes, ${struck} faults struck.`,
		"",
		table(
			"| backend | seed | minutes | what was wrong |",
			campaigns.map(({ backend, seed, outcome }) => {
				const wrong = outcome.wrong.map((each) => each.split("\n")[0]?.replaceAll("|", "\\|")).join("; ");
				return `| ${backend} | ${seed} | ${(outcome.seconds / 60).toFixed(1)} | ${wrong || "nothing"} |`;
			}),
		),
		"## Faults",
		"",
		table("| fault | embedded | services |", rows),
		"## What people asked for",
		"",
		table(
			"| request | times |",
			total(({ asked }) => asked),
		),
		"## How jobs ended",
		"",
		table(
			"| job | times |",
			total(({ jobs }) => jobs),
		),
	].join("\n");
}
