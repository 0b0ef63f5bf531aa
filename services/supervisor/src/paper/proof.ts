// The lines under a table that say under which rules, on what and where its numbers came about.
import { machinesOf } from "./machine.js";
import type { Results } from "./results.js";

export function proofOf(results: Results): string[] {
	const { dataset, protocol, rows } = results;
	const count = (value: number) => value.toLocaleString("en");
	const machines = machinesOf(rows.flatMap((row) => row.points));
	return [
		`Protocol ${protocol.hash}: full ranking, ${protocol.maskTest} items masked at test, cut-offs ${protocol.cutoffs.join(" and ")}, best epoch by validation.`,
		`Dataset ${dataset.name}: ${count(dataset.users)} users, ${count(dataset.items)} items, ${count(dataset.interactions)} interactions, split ${dataset.splitDigest}.`,
		seedsLine(results),
		...machines.map((machine) =>
			machines.length === 1
				? `Machine: ${machine}.`
				: `Machine of ${labels(results, (row) => machinesOf(row.points).includes(machine))}: ${machine}.`,
		),
	];
}

/** A closed form needs one seed, and rows kept from an earlier command may have others. */
function seedsLine(results: Results): string {
	const seedsOf = (row: Results["rows"][number]) =>
		[...new Set(row.points.flatMap((point) => point.runs.map((run) => run.seed)))].sort((a, b) => a - b).join(", ");
	const kinds = [...new Set(results.rows.map(seedsOf))].filter((seeds) => seeds !== "");
	if (kinds.length === 1) return `Seeds: ${kinds[0]}.`;
	const parts = kinds.map((seeds) => `${seeds} (${labels(results, (row) => seedsOf(row) === seeds)})`);
	return `Seeds: ${parts.join("; ") || "none"}.`;
}

const labels = ({ rows }: Results, fits: (row: Results["rows"][number]) => boolean) =>
	rows
		.filter(fits)
		.map((row) => row.label)
		.join(", ");

/** Rows without some of their runs, in words. */
export function failuresOf(results: Results): string[] {
	return results.rows.flatMap((row) =>
		row.points.flatMap((point) => {
			const values = Object.entries(point.chosen).map(([field, value]) => ` ${field} ${value}`);
			return point.failures.map((failure) => `${row.label}${values.join("")}, ${failure}`);
		}),
	);
}
