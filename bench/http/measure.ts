// The loads that one subject is put under, one after the other.
import { setTimeout as sleep } from "node:timers/promises";
import type { Generator, Answer as Measured } from "./generator.js";
import { draw } from "./questions.js";
import type { Memory, Row, SubjectName, Workload } from "./results.js";
import { ask, type Person, SUBJECTS } from "./subjects.js";

const WARM_UP = { clients: 8, seconds: 2 };
/** A p99 beyond this, or a rate below this share of the one that was wanted, is past the knee. */
const KNEE_P99_MS = 100;
const LEAST_SHARE = 0.98;
const FOLD_IN_CLIENTS = [1, 32];
const COMPARED = { known: 20, foldIn: 5 };
const SAMPLED = 400;
const SEED = 1;
const EARLY_REQUESTS = 100_000;
const MEMORY_CLIENTS = 32;
const MEMORY_READINGS = 9;
const READ_EVERY_MS = 500;

export interface Loads {
	seconds: number;
	clients: number[];
	rates: number[];
}

export interface Target {
	name: SubjectName;
	url: string;
	people: Person[];
}

export async function measure(
	{ name, url, people }: Target,
	{ seconds, clients, rates }: Loads,
	seed: number,
	generator: Generator,
	tell: (line: string) => void,
): Promise<Row[]> {
	const { known, foldIn } = SUBJECTS[name];
	const rows: Row[] = [];
	for (const [workload, question] of [["known", known] as const, ["foldIn", foldIn] as const]) {
		if (!question) continue;
		const what = { url, questions: people.map(question), seed };
		await generator.run({ ...what, load: { kind: "closed", ...WARM_UP } });
		for (const count of workload === "known" ? clients : FOLD_IN_CLIENTS) {
			const level = { kind: "closed", clients: count } as const;
			tell(`${workload === "known" ? "known users" : "fold-in"}, ${count} client${count === 1 ? "" : "s"}`);
			const { figures } = await generator.run({ ...what, load: { ...level, seconds } });
			rows.push({ subject: name, workload, level, ...figures, isHeld: true, lateness: 0 });
		}
		for (const rate of workload === "known" ? rates : []) {
			const level = { kind: "open", rate } as const;
			tell(`known users, ${rate.toLocaleString("en")} a second`);
			const measured = await generator.run({ ...what, load: { ...level, seconds } });
			const isHeld = holds(measured, rate);
			rows.push({ subject: name, workload, level, ...measured.figures, isHeld, lateness: measured.lateness });
			if (!isHeld) break;
		}
	}
	return rows;
}

export const holds = ({ figures, isWhole }: Measured, rate: number) =>
	isWhole &&
	figures.failed + figures.unanswered === 0 &&
	figures.rate >= LEAST_SHARE * rate &&
	figures.p99 <= KNEE_P99_MS;

export type Ids = Record<Workload, string[][]>;

/** Which items a few people are answered with, the same people for every subject. */
export async function idsOf({ name, url, people }: Target): Promise<Ids> {
	const { known, foldIn, answer } = SUBJECTS[name];
	const ids = async (question: typeof known | null, count: number) => {
		const lists: string[][] = [];
		for (const person of question ? draw(people, count, SEED) : [])
			lists.push(answer(await ask(url, (question as typeof known)(person))).items.map(({ id }) => id));
		return lists;
	};
	return { known: await ids(known, COMPARED.known), foldIn: await ids(foldIn, COMPARED.foldIn) };
}

/** Throws unless a subject gives the items that ours gives: it would be another model that is measured. */
export function checkSame(name: SubjectName, ours: Ids, theirs: Ids): void {
	for (const workload of ["known", "foldIn"] as const) {
		const differs = theirs[workload].findIndex((list, place) => `${list}` !== `${ours[workload][place]}`);
		if (differs >= 0)
			throw new Error(`${name} answers otherwise than ours:\n${theirs[workload][differs]}\n${ours[workload][differs]}`);
	}
}

/** How many of a sample each tier answered; null where answers do not say. */
export async function tiersOf({ name, url, people }: Target): Promise<Record<Workload, Record<string, number>> | null> {
	const { known, foldIn, answer } = SUBJECTS[name];
	const counts = { known: {} as Record<string, number>, foldIn: {} as Record<string, number> };
	for (const [workload, question, count] of [
		["known", known, SAMPLED] as const,
		["foldIn", foldIn, COMPARED.foldIn] as const,
	]) {
		for (const person of question ? draw(people, count, SEED) : []) {
			const { answeredBy } = answer(await ask(url, (question as typeof known)(person)));
			if (answeredBy === undefined) return null;
			counts[workload][answeredBy] = (counts[workload][answeredBy] ?? 0) + 1;
		}
	}
	return counts;
}

/** Memory of our api under many requests; `resident` reads it in bytes. */
export async function memoryOf(
	{ name, url, people }: Target,
	requests: number,
	resident: () => number,
	generator: Generator,
	tell: (line: string) => void,
): Promise<Memory> {
	const questions = people.map(SUBJECTS[name].known);
	const send = (count: number, seed: number) =>
		generator.run({
			url,
			questions,
			seed,
			load: { kind: "closed", clients: MEMORY_CLIENTS, requests: count },
		});
	tell(`memory: the first ${EARLY_REQUESTS.toLocaleString("en")} requests`);
	const first = await send(EARLY_REQUESTS, SEED);
	const early = await steady(resident);
	tell(`memory: ${(requests - EARLY_REQUESTS).toLocaleString("en")} more`);
	const rest = await send(requests - EARLY_REQUESTS, SEED + MEMORY_CLIENTS);
	const late = await steady(resident);
	return { requests, early, late, failed: first.figures.failed + rest.figures.failed };
}

/** The middle of several readings: a collection of garbage may lie between two of them. */
async function steady(resident: () => number): Promise<number> {
	const readings: number[] = [];
	for (let count = 0; count < MEMORY_READINGS; count++) {
		readings.push(resident());
		await sleep(READ_EVERY_MS);
	}
	return readings.sort((a, b) => a - b)[Math.floor(MEMORY_READINGS / 2)] as number;
}
