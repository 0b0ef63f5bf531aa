// The results as Markdown: the table that is printed and stands in docs/benchmark.md.
import { type Level, NAMES, type Results, rowOf, type SubjectName, type Workload } from "./results.js";
import { targetsOf } from "./targets.js";

const TITLES: Record<SubjectName, string> = {
	ours: "Valence",
	ceiling: "ready answers in a Map, bare Fastify",
	fastapi: "FastAPI, model in process",
	bentoml: "BentoML",
	"bentoml-batching": "BentoML, batching",
	mlflow: "MLflow",
};

export function markdownOf(results: Results): string {
	return [
		...aboutOf(results),
		"",
		...sectionOf(
			results,
			"known",
			"Known users, `GET /users/:id/recommendations?n=20`. Clients: answers a second, p50 / p99 in ms. Fixed rate: p50 / p99 / p99.9 in ms.",
		),
		...sectionOf(results, "foldIn", "Fold-in, `POST /recommendations` with the history of a random user, n 20:"),
		...notesOf(results),
		"",
		"| target | wanted | measured | |",
		"| --- | --- | --- | --- |",
		...targetsOf(results).map(
			({ what, wanted, got, isMet }) =>
				`| ${what} | ${wanted} | ${got} | ${isMet === null ? "" : isMet ? "met" : "**missed**"} |`,
		),
	].join("\n");
}

function aboutOf({ machine, data, checkpoint, settings, madeAt }: Results): string[] {
	const avx512 = machine.avx512 === null ? "AVX-512 unknown" : `${machine.avx512 ? "with" : "without"} AVX-512`;
	return [
		`${madeAt.slice(0, 10)}, ${machine.cores} cores (${machine.processor}, ${avx512}; load generator on the same cores; load before ${machine.loadBefore.toFixed(1)}), Node ${machine.node}, Python ${machine.python}.`,
		`${data.name}, ${number(data.users)} users, each equally likely; ${checkpoint.model}, epoch ${checkpoint.epoch}; ${settings.seconds} s each, medians of ${settings.repeats}.`,
	];
}

const sectionOf = (results: Results, workload: Workload, title: string) =>
	results.rows.some((row) => row.workload === workload) ? [title, "", ...tableOf(results, workload), ""] : [];

function tableOf(results: Results, workload: Workload): string[] {
	const rows = results.rows.filter((row) => row.workload === workload);
	const levels = [...new Map(rows.map(({ level }) => [JSON.stringify(level), level])).values()].sort(
		(a, b) => orderOf(a) - orderOf(b),
	);
	const columns = NAMES.filter((name) => {
		const isMissing = results.subjects.some((subject) => subject.name === name && subject.missing);
		return rows.some(({ subject }) => subject === name) || (workload === "known" && isMissing);
	});
	const header = columns.map((name) => {
		const version = results.subjects.find((subject) => subject.name === name)?.version;
		return version ? `${TITLES[name]} ${version}` : TITLES[name];
	});
	return [
		`| | ${header.join(" | ")} |`,
		`| --- |${" ---: |".repeat(columns.length)}`,
		...levels.map(
			(level) => `| ${levelOf(level)} | ${columns.map((name) => cellOf(results, name, workload, level)).join(" | ")} |`,
		),
	];
}

function cellOf(results: Results, name: SubjectName, workload: Workload, level: Level): string {
	const row = rowOf(results, name, workload, level);
	if (!row) {
		const missing = results.subjects.find((subject) => subject.name === name)?.missing;
		return missing ? (missing.startsWith("failed") ? "failed" : "not installed") : "";
	}
	const failed = row.failed > 0 ? `, **${number(row.failed)} failed**` : "";
	if (level.kind === "closed") return `${number(row.rate)}/s, ${ms(row.p50)} / ${ms(row.p99)}${failed}`;
	return row.isHeld
		? `${ms(row.p50)} / ${ms(row.p99)} / ${ms(row.p999)}${failed}`
		: `not held: ${number(row.rate)}/s, p99 ${ms(row.p99)}${failed}`;
}

function notesOf({ rows, tiers, computeP50, memory }: Results): string[] {
	const notes: string[] = [];
	const one = rowOf({ rows }, "ours", "foldIn", { kind: "closed", clients: 1 });
	if (one && computeP50)
		notes.push(
			`- Fold-in, one client: p50 ${ms(one.p50)} ms; the model's own compute time for the same questions is ${ms(computeP50)} ms, ratio ${(one.p50 / computeP50).toFixed(2)}.`,
		);
	if (tiers)
		notes.push(
			`- Answered by: ${sharesOf(tiers.known)} of known users; ${sharesOf(tiers.foldIn)} of fold-in (\`answeredBy\` of a sample).`,
		);
	if (memory)
		notes.push(
			`- Memory of the api: ${mib(memory.early)} MiB after 100,000 requests, ${mib(memory.late)} MiB after ${number(memory.requests)}; ${number(memory.failed)} failed.`,
		);
	const failed = rows.reduce((sum, row) => sum + row.failed, 0);
	const asked = rows.reduce((sum, row) => sum + row.answered + row.failed, 0);
	notes.push(`- Failed: ${number(failed)} of ${number(asked)} requests (any status but 2xx, or a broken connection).`);
	const lateness = Math.max(0, ...rows.filter(({ isHeld }) => isHeld).map((row) => row.lateness));
	if (lateness > 0)
		notes.push(
			`- At fixed rates a latency begins when its request was due. The generator itself was up to ${ms(lateness)} ms late (p99), which is part of the latencies.`,
		);
	return notes;
}

function sharesOf(counts: Record<string, number>): string {
	const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
	return Object.entries(counts)
		.map(([tier, count]) => `${tier} ${Math.round((count / all) * 100)} %`)
		.join(", ");
}

const orderOf = (level: Level) => (level.kind === "closed" ? level.clients : 1_000 + level.rate);
const levelOf = (level: Level) =>
	level.kind === "closed"
		? `${level.clients} client${level.clients === 1 ? "" : "s"}`
		: `${number(level.rate)}/s, fixed rate`;
const number = (value: number) => Math.round(value).toLocaleString("en");
const ms = (value: number) => (value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2));
const mib = (bytes: number) => number(bytes / 2 ** 20);
