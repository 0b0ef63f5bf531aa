// What serving is to reach, as ratios against comparators of the same run where there is one.
import { type Level, type Results, type Row, rowOf, type SubjectName, type Workload } from "./results.js";

export interface Target {
	what: string;
	wanted: string;
	got: string;
	/** Null: not measured. */
	isMet: boolean | null;
}

const CEILING_SHARE = 0.4;
const LIST_TIMES_BENTOML = 30;
const OPEN_RATE = 2_000;
const OPEN_P99_MS = 10;
const OPEN_P999_MS = 25;
const TIMES_COMPUTE = 1.5;
const FOLD_IN_TIMES_BENTOML = 3;
const MEMORY_DRIFT = 0.1;

const clients = (count: number): Level => ({ kind: "closed", clients: count });

export function targetsOf(results: Results): Target[] {
	const find = (subject: SubjectName, workload: Workload, level: Level) => rowOf(results, subject, workload, level);
	const ratioOfRates = (workload: Workload, against: SubjectName) => {
		const [ours, other] = [find("ours", workload, clients(32)), find(against, workload, clients(32))];
		return ours && other ? ours.rate / other.rate : null;
	};
	const atLeast = (what: string, least: number, ratio: number | null): Target => ({
		what,
		wanted: `at least ${least} ×`,
		got: ratio === null ? "not measured" : `${ratio.toFixed(2)} ×`,
		isMet: ratio === null ? null : ratio >= least,
	});
	const one = find("ours", "foldIn", clients(1));
	const timesCompute = one && results.computeP50 ? one.p50 / results.computeP50 : null;
	return [
		atLeast("known users, 32 clients, against the ceiling", CEILING_SHARE, ratioOfRates("known", "ceiling")),
		atLeast("known users, 32 clients, against BentoML", LIST_TIMES_BENTOML, ratioOfRates("known", "bentoml")),
		openLoop(results),
		{
			what: "fold-in, one client, p50 against the model's own compute time",
			wanted: `at most ${TIMES_COMPUTE} ×`,
			got: timesCompute === null ? "not measured" : `${timesCompute.toFixed(2)} ×`,
			isMet: timesCompute === null ? null : timesCompute <= TIMES_COMPUTE,
		},
		atLeast("fold-in, 32 clients, against BentoML", FOLD_IN_TIMES_BENTOML, ratioOfRates("foldIn", "bentoml")),
		memory(results),
	];
}

function openLoop(results: Results): Target {
	const rows = results.rows.filter(({ subject, level }) => subject === "ours" && level.kind === "open");
	const row = rowOf(results, "ours", "known", { kind: "open", rate: OPEN_RATE });
	return {
		what: `known users, open loop at ${OPEN_RATE.toLocaleString("en")}/s`,
		wanted: `p99 at most ${OPEN_P99_MS} ms, p99.9 at most ${OPEN_P999_MS} ms, none failed`,
		got: row
			? `p99 ${row.p99.toFixed(1)} ms, p99.9 ${row.p999.toFixed(1)} ms, ${row.failed + row.unanswered} failed`
			: rows.length > 0
				? `not reached: ${lastOf(rows)}/s is too much`
				: "not measured",
		isMet: row
			? row.p99 <= OPEN_P99_MS && row.p999 <= OPEN_P999_MS && row.failed + row.unanswered === 0
			: rows.length > 0
				? false
				: null,
	};
}

/** A ladder ends with the first rate that was not held. */
const lastOf = (rows: Row[]) =>
	Math.max(...rows.map(({ level }) => (level.kind === "open" ? level.rate : 0))).toLocaleString("en");

function memory({ memory: measured }: Results): Target {
	const drift = measured ? measured.late / measured.early - 1 : null;
	return {
		what: `memory of the api after ${measured ? measured.requests.toLocaleString("en") : "a million"} requests, against that after 100,000`,
		wanted: `within ${MEMORY_DRIFT * 100} %`,
		got: drift === null ? "not measured" : `${drift < 0 ? "−" : "+"}${(Math.abs(drift) * 100).toFixed(1)} %`,
		isMet: drift === null || !measured ? null : Math.abs(drift) <= MEMORY_DRIFT && measured.failed === 0,
	};
}
