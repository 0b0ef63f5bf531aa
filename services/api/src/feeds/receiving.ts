// From what is sent to a feed to what is stored: some thousand rows a commit, the next ones read while they are written.
import type { FastifyError, FastifyInstance } from "fastify";
import { ApiError, type Problem } from "../http/errors.js";
import { translate } from "../plugins/error-handler.js";
import type { RowResults } from "../views/feed.js";
import { refuseSentTooLong, type Sending } from "./erasures.js";
import { type Interaction, isProblem, readInteraction } from "./interaction.js";
import type { Entry } from "./lines.js";

/** Rows of one commit of a stream. */
const AT_ONCE = 2_000;
const MOST_PROBLEMS = 100;
/**
 * Rows of one request of which each result is told. Every other one may be another, which is a range a row: this bounds what is held in
 * memory, and the answer.
 */
export const MOST_TOLD = 100_000;

export interface Received {
	added: number;
	known: number;
	refused: number;
	/** Left out, of people who were erased after it began to be sent. */
	erased: number;
	/** Of the first rows that were refused. */
	problems: { position: number; field: string; code: string; message: string }[];
	/** Of every row, where that is asked for. */
	results?: RowResults;
}

/**
 * Throws invalid_request where no row can be stored, and beyond the rows whose results can be told; what it throws on the way says which
 * rows are stored.
 */
export async function receive(
	app: FastifyInstance,
	name: string,
	pieces: AsyncIterable<Entry[]> | Iterable<Entry[]>,
	sending: Sending,
	isEachTold: boolean,
): Promise<Received> {
	const received: Received = { added: 0, known: 0, refused: 0, erased: 0, problems: [] };
	if (isEachTold) received.results = { added: [], known: [], refused: [], erased: [] };
	const { results } = received;
	let rows: Interaction[] = [];
	/** Where each of them stands in what is sent. */
	let positions: number[] = [];
	/** The last position that has been read, and the last before which everything good is stored. */
	let read = 0;
	let stored = 0;
	let refusedBefore = 0;
	let writing = Promise.resolve();

	async function write(some: Interaction[], at: number[], until: number, refused: number): Promise<void> {
		refuseSentTooLong(sending);
		const sent = { interactions: some, since: sending.since, isEachTold };
		const { added, erased, outcomes = [] } = await app.feeds.add(name, sent);
		for (const [index, outcome] of outcomes.entries()) if (results) reach(results[outcome], at[index] as number);
		received.added += added;
		received.erased += erased;
		received.known += some.length - added - erased;
		stored = until;
		refusedBefore = refused;
	}
	/** Waits for the rows before these: a sender is read no faster than its rows are stored. */
	async function flush(): Promise<void> {
		await writing;
		if (rows.length === 0) return;
		writing = write(rows, positions, read, received.refused);
		writing.catch(() => undefined); // it is waited for by the next flush
		rows = [];
		positions = [];
	}
	function refuse(position: number, { pointer, code, message }: Problem): void {
		received.refused++;
		if (results) reach(results.refused, position);
		if (received.problems.length < MOST_PROBLEMS) {
			received.problems.push({ position, field: pointer.slice(1), code, message });
		}
	}

	try {
		for await (const entries of pieces) {
			const now = new Date();
			for (const { position, value, problem } of entries) {
				if (results && position > MOST_TOLD) {
					await flush();
					throw tooManyTold();
				}
				read = position;
				const row = problem ?? readInteraction(value, now);
				if (isProblem(row)) {
					refuse(position, row);
					continue;
				}
				positions.push(position);
				if (rows.push(row) >= AT_ONCE) await flush();
			}
		}
		await flush();
		await writing;
	} catch (error) {
		await writing.catch(() => undefined);
		throw stored === 0
			? error
			: interrupted(translate(error as FastifyError), { ...received, refused: refusedBefore }, stored);
	}
	if (received.refused > 0 && received.added + received.known + received.erased === 0) throw nothingGood(received);
	return received;
}

/** A range grows as long as rows follow each other. They come in order. */
function reach(ranges: number[][], position: number): void {
	const last = ranges.at(-1);
	if (last?.[1] === position - 1) last[1] = position;
	else ranges.push([position, position]);
}

function tooManyTold(): ApiError {
	const pointer = `/${MOST_TOLD}`;
	const message = `is beyond the ${MOST_TOLD} rows of a request whose results are told`;
	return new ApiError("invalid_request", `${pointer} ${message}.`, [{ pointer, code: "out_of_range", message }]);
}

/** Says how far it came: what is sent again from there on counts once. */
function interrupted(
	{ code, message, retryAfterSeconds }: ApiError,
	{ added, known, refused, erased, problems }: Received,
	stored: number,
): ApiError {
	const isGone = code === "not_found";
	const detail = `${message} Of the rows up to ${stored}, ${added} were stored as new, ${known} were known before, ${refused} were refused${
		erased > 0 ? `, ${erased} were of people erased meanwhile` : ""
	}`;
	const next = isGone ? "is the first that was not stored" : "is where to begin again";
	const before = problems.filter(({ position }) => position <= stored);
	return new ApiError(
		code,
		`${detail}${isGone ? "." : "; send the rest again."}`,
		[{ pointer: `/${stored}`, code, message: next }, ...named(before)],
		retryAfterSeconds,
	);
}

function nothingGood({ refused, problems }: Received): ApiError {
	const all = named(problems);
	const [first] = all;
	return new ApiError(
		"invalid_request",
		`None of ${refused} rows can be stored: ${first?.pointer} ${first?.message}.`,
		all,
	);
}

const named = (problems: Received["problems"]): Problem[] =>
	problems.map(({ position, field, code, message }) => ({
		pointer: `/${position - 1}${field && `/${field}`}`,
		code,
		message,
	}));
