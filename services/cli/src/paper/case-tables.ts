// The case of a user as text: on the terminal, as GitHub's Markdown, as CSV and as LaTeX.
import { bold, dim, say, table } from "@valence/supervisor/terminal";
import { csvTable, inLatex, inMarkdown, LATEX, latexComments, latexTable, MARKDOWN, markdownTable } from "../markup.js";
import { type CaseCell, caseNotesOf, caseSheetsOf, casesOf } from "./case-sheets.js";
import type { Results } from "./results.js";
import { failuresOf, machinesOf, proofOf } from "./sheets.js";

/** Of a title on the terminal. */
const MOST_LETTERS = 56;

export function printCase(results: Results): void {
	for (const { title, header, lines } of caseSheetsOf(results)) {
		say(`\n${bold(title)}\n`);
		const textOf = ({ text, isHit }: CaseCell) => `${short(text)}${isHit ? " *" : ""}`;
		const rows = lines.map(({ label, cells }) => [short(label), ...cells.map(textOf)]);
		table(header, rows, { left: header.map((_, column) => column) });
	}
	say();
	for (const failure of failuresOf(results)) say(`  missing: ${failure}`);
	for (const note of notesOf(results)) say(dim(`  ${note}`));
}

export function caseMarkdown(results: Results): string {
	const sheets = caseSheetsOf(results).map(({ title, header, lines }) => {
		const textOf = ({ text, isHit }: CaseCell) => `${inMarkdown(text)}${isHit ? MARKDOWN.star : ""}`;
		const rows = lines.map(({ label, cells }) => [inMarkdown(label), ...cells.map(textOf)]);
		return `## ${inMarkdown(title)}\n\n${markdownTable(header.map(inMarkdown), rows, "---")}`;
	});
	const notes = [...notesOf(results), ...failuresOf(results).map((failure) => `Missing: ${failure}.`)];
	return `${sheets.join("\n\n")}\n\n${notes.map((note) => `- ${inMarkdown(note)}`).join("\n")}\n`;
}

export function caseLatex(results: Results): string {
	const tables = caseSheetsOf(results).map(({ title, header, lines, namesItems }) => {
		const textOf = ({ text, isHit }: CaseCell) => `${inLatex(text)}${isHit ? LATEX.star : ""}`;
		const rows = lines.map(({ label, cells }) => [inLatex(label), ...cells.map(textOf)]);
		const others = header.length - 1;
		const text = (width: number) => `p{${width.toFixed(2)}\\linewidth}`;
		const columns = namesItems ? `${text(0.6)}${"l".repeat(others)}` : `l${text(0.8 / others).repeat(others)}`;
		return latexTable(inLatex(title), header.map(inLatex), rows, columns);
	});
	return `${latexComments(notesOf(results))}${tables.join("\n")}`;
}

/** One line an item of a row: of its history, or of the top of one of its interests; there a linear path leaves the shares 1 - linear_share. */
export function caseCsv(results: Results): string {
	const { dataset, protocol } = results;
	const lines = casesOf(results).flatMap(({ label, model, points, case: { user, run, answer } }) => {
		const proof = [dataset.name, dataset.splitDigest, protocol.hash, run, machinesOf(points).join("; ")];
		const history = answer.history.map(({ id, title, interest, interestShares }) => [
			...[label, model, user, "history", interest + 1, "", id, title, ""],
			...[interestShares[interest], "", "train", ...proof],
		]);
		const tops = answer.interests.flatMap(({ index, topItems }) =>
			topItems.map(({ id, title, score, interestShares, linearShare, heldBack }, rank) => [
				...[label, model, user, "top", index + 1, rank + 1, id, title, score],
				...[interestShares[index], linearShare, heldBack, ...proof],
			]),
		);
		return [...history, ...tops];
	});
	const fields = ["row", "model", "user", "list", "interest", "rank", "item", "title", "score", "share"];
	return csvTable([[...fields, "linear_share", "part", "dataset", "split", "protocol", "run", "machine"], ...lines]);
}

const notesOf = (results: Results) => [...caseNotesOf(results), ...proofOf(results)];
const short = (text: string) => (text.length > MOST_LETTERS ? `${text.slice(0, MOST_LETTERS - 1)}…` : text);
