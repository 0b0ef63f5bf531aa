// What the bench has found out, as it stands in the file of results.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { type Figures, median, mediansOf } from "./figures.js";
import type { Machine } from "./machine.js";

export const NAMES = ["ours", "ceiling", "fastapi", "bentoml", "bentoml-batching", "mlflow"] as const;
export type SubjectName = (typeof NAMES)[number];
export type Workload = "known" | "foldIn";
export type Level = { kind: "closed"; clients: number } | { kind: "open"; rate: number };

export interface Row extends Figures {
	subject: SubjectName;
	workload: Workload;
	level: Level;
	/** Of an open loop: the rate was reached, nothing failed, and the p99 had not exploded. */
	isHeld: boolean;
	/** Of an open loop: 99th percentile of how late the generator itself sent, in ms. */
	lateness: number;
}

export interface Memory {
	requests: number;
	/** Bytes of the api process after the first hundred thousand requests, and at the end. */
	early: number;
	late: number;
	failed: number;
}

export interface Results {
	madeAt: string;
	machine: Machine;
	data: { name: string; users: number };
	checkpoint: { model: string; epoch: number };
	settings: { seconds: number; repeats: number };
	/** Versions of what was measured, or why it was not. */
	subjects: { name: SubjectName; version: string | null; missing: string | null }[];
	rows: Row[];
	/** Which tier answered how many of a sample: null where answers do not say. */
	tiers: Record<Workload, Record<string, number>> | null;
	/** The model's own time for one fold-in question, in ms. */
	computeP50: number | null;
	memory: Memory | null;
}

const keyOf = ({ subject, workload, level }: Row) => JSON.stringify([subject, workload, level]);

/** One row for each load of each subject. A rate counts as held when most of the repeats held it. */
export function rowsOfRepeats(repeats: Row[][]): Row[] {
	const groups = new Map<string, Row[]>();
	for (const row of repeats.flat()) groups.set(keyOf(row), [...(groups.get(keyOf(row)) ?? []), row]);
	return [...groups.values()].map((rows) => {
		const { subject, workload, level } = rows[0] as Row;
		return {
			subject,
			workload,
			level,
			...mediansOf(rows),
			isHeld: rows.filter(({ isHeld }) => isHeld).length * 2 > repeats.length,
			lateness: median(rows.map(({ lateness }) => lateness)),
		};
	});
}

export const rowOf = ({ rows }: Pick<Results, "rows">, subject: SubjectName, workload: Workload, level: Level) =>
	rows.find((row) => keyOf(row) === keyOf({ ...row, subject, workload, level }));

export function writeResults(file: string, results: Results): void {
	mkdirSync(dirname(file), { recursive: true });
	const rounded = (_: string, value: unknown) => (typeof value === "number" ? Number(value.toPrecision(6)) : value);
	writeFileSync(file, `${JSON.stringify(results, rounded, "\t")}\n`);
}

export const readResults = (file: string): Results => JSON.parse(readFileSync(file, "utf8"));
