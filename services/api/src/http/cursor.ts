// Opaque cursors over (createdAt, id), newest first.
import { ApiError } from "./errors.js";

export interface Position {
	createdAt: Date;
	id: string;
}

const SHAPE = /^(\d{1,15})\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

export const cursorOf = ({ createdAt, id }: Position) =>
	Buffer.from(`${createdAt.getTime()}.${id}`).toString("base64url");

export const notOurs = () =>
	new ApiError("invalid_cursor", "Take the cursor from nextCursor of the page before.", [
		{ pointer: "/query/cursor", code: "invalid_cursor", message: "is not one that this list gave out" },
	]);

/** A Prisma condition for what comes after the cursor. Throws invalid_cursor. */
export function after(cursor: string | undefined) {
	if (cursor === undefined) return {};
	const match = SHAPE.exec(Buffer.from(cursor, "base64url").toString());
	if (!match) throw notOurs();
	const createdAt = new Date(Number(match[1]));
	return { OR: [{ createdAt: { lt: createdAt } }, { createdAt, id: { lt: match[2] as string } }] };
}

/** Of a list that is ordered by whole numbers. */
export const cursorOfNumbers = (...numbers: (number | bigint)[]) =>
	Buffer.from(numbers.join(".")).toString("base64url");

/** What a column of INTEGER can hold. */
export const MOST_INTEGER = 2_147_483_647;

/** Throws invalid_cursor unless there are `count` of them, none above `most`. */
export function numbersOf(cursor: string, count: number, most = Number.MAX_SAFE_INTEGER): bigint[] {
	const parts = Buffer.from(cursor, "base64url").toString().split(".");
	if (parts.length !== count || !parts.every((part) => /^\d{1,15}$/.test(part) && Number(part) <= most))
		throw notOurs();
	return parts.map(BigInt);
}

export const newestFirst = [{ createdAt: "desc" }, { id: "desc" }] as const;

/** `rows` holds one more than the limit when there is a next page. */
export function pageOf<T extends Position, V>(rows: T[], limit: number, view: (row: T) => V) {
	const shown = rows.slice(0, limit);
	const last = shown.at(-1);
	return { items: shown.map(view), nextCursor: rows.length > limit && last ? cursorOf(last) : null };
}
