// The verdicts of a comparison as text: on the terminal a table a metric, for documents one table.
import { amountOf, type ComparisonDetail, OF_RUNS, probability } from "@valence/client";
import { bold, dim, harmless, say, table, underlined } from "@valence/supervisor/terminal";
import {
	csvTable,
	inLatex,
	inMarkdown,
	LATEX,
	latexComments,
	latexTable,
	MARKDOWN,
	markdownTable,
	marked,
} from "./markup.js";
import type { Row, Verdict } from "./verdicts.js";

export const FORMATS = ["csv", "md", "latex"] as const;
export type Format = (typeof FORMATS)[number];

/** Of a mark where there is no markup. */
export const PRINTED = { methods: "*", runs: OF_RUNS, none: "" } as const;

/** Programs read words. */
export const IN_CSV = { methods: "*", runs: "of these runs", none: "" } as const;

/** Of a table a metric; the best is in bold, the second underlined. */
export function sayVerdicts({ dataset, protocol }: ComparisonDetail, verdicts: Verdict[], footnotes: string[]): void {
	say(`\n  ${bold(`On ${dataset.name}`)} ${dim(`protocol ${protocol.hash.slice(0, 8)}`)}`);
	for (const verdict of verdicts) {
		const { title, rows, reference, leastP, sentence } = verdict;
		say();
		table(
			[title, "mean [95 %]", "", `against ${harmless(reference)}`, "p (Holm)", "effect", whoOf(verdict), "seeds"],
			rows.map((row) => [
				row.name,
				meanOf(row),
				PRINTED[row.mark ?? "none"],
				...(row.against
					? [
							amountOf(row.against),
							probability(row.against.p, leastP),
							row.against.effect?.toFixed(2) ?? "–",
							usersOf(row.against),
						]
					: ["–", "", "", ""]),
				String(row.seeds),
			]),
			{
				paint: (text, row, column) => {
					if (column > 1) return text;
					const rank = rankOf(verdict, row);
					return rank === 1 ? bold(text) : rank === 2 ? underlined(text) : text;
				},
			},
		);
		if (sentence) say(`  ${sentence}`);
	}
	say();
	for (const line of footnotes) say(dim(`  ${line}`));
}

/** One text for a document, with the same marks. */
export function written(
	format: Format,
	comparison: ComparisonDetail,
	verdicts: Verdict[],
	footnotes: string[],
): string {
	if (format === "csv") return csvOf(comparison, verdicts);
	const notes = [...verdicts.map(({ sentence }) => sentence).filter(Boolean), ...footnotes];
	const header = ["Model", ...verdicts.map(({ title }) => title)];
	const [inMarkup, marks] = format === "md" ? [inMarkdown, MARKDOWN] : [inLatex, LATEX];
	const groups = (verdicts[0]?.rows ?? []).map(({ group, name }) => ({ group, name }));
	const rows = groups.map(({ group, name }) => [
		inMarkup(name),
		...verdicts.map((verdict) => {
			const place = verdict.rows.findIndex((row) => row.group === group);
			const row = verdict.rows[place] as Row;
			const mark = { rank: rankOf(verdict, place), mark: row.mark };
			return marked(inMarkup(meanOf(row)).replace("–", format === "latex" ? "--" : "–"), mark, marks);
		}),
	]);
	if (format === "md")
		return `${markdownTable(header.map(inMarkup), rows)}\n\n${notes.map((note) => `- ${inMarkup(note)}`).join("\n")}\n`;
	return `${latexComments(notes)}${latexTable(inMarkup(`On ${comparison.dataset.name}`), header.map(inMarkup), rows)}`;
}

/** A line a metric and group, numbers unrounded. */
function csvOf({ groups, result }: ComparisonDetail, verdicts: Verdict[]): string {
	const header = [
		...["metric", "group", "model", "seeds", "mean", "low", "high", "marked", "against", "difference", "relative"],
		...["interval_low", "interval_high", "p_holm", "effect", "gain", "tie", "lose", "users", "family"],
	];
	const lines = verdicts.flatMap(({ metric, rows, reference }) =>
		rows.map(({ group, name, seeds, mean, interval, mark, against }) => [
			...[metric, name, groups[group]?.model, seeds, mean, interval?.low, interval?.high, IN_CSV[mark ?? "none"]],
			...(against
				? [
						...[reference, against.difference, against.relative, against.interval?.low, against.interval?.high],
						...[against.p, against.effect, against.gain, against.tie, against.lose],
					]
				: Array(10).fill(null)),
			...[result?.users, result?.family],
		]),
	);
	return csvTable([header, ...lines]);
}

const whoOf = ({ better }: Verdict) => (better === null ? "more / same / less" : "gain / tie / lose");

/** Where neither way is better nothing is best. */
function rankOf({ rows, better }: Verdict, place: number): 1 | 2 | null {
	if (better === null) return null;
	const printed = rows.map(({ mean }) => mean?.toFixed(4));
	const means: (string | undefined)[] = [...new Set(printed)].filter((mean) => mean !== undefined);
	const rank = means.indexOf(printed[place]);
	return rank === 0 ? 1 : rank === 1 ? 2 : null;
}

const meanOf = ({ mean, interval }: Row) =>
	mean === null
		? "–"
		: `${mean.toFixed(4)}${interval?.low == null || interval.high === null ? "" : ` [${interval.low.toFixed(4)}, ${interval.high.toFixed(4)}]`}`;

const usersOf = ({ gain, tie, lose }: NonNullable<Row["against"]>) =>
	[gain, tie, lose].map((n) => n.toLocaleString("en")).join(" / ");
