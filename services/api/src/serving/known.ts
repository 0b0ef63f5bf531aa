// Who is known of a dataset: one answer for every route.
import type { FastifyInstance } from "fastify";
import { ApiError } from "../http/errors.js";
import type { Deployed } from "../plugins/deployments.js";
import type { Moved } from "../plugins/live.js";
import type { Vocabulary } from "./vocabulary.js";

/** Of who came too late for training: a model can only fold them in. */
export const LATE = -1;

/** The row of a user of the dataset, or LATE; null for who is not in it, and for whom it speaks no more, being `erased` since. */
export function rowOf({ users, late }: Vocabulary, user: string, erased: number | null): number | null {
	if (erased !== null) return null;
	const row = users.indexOf(user);
	if (row >= 0) return row;
	return late.indexOf(user) >= 0 ? LATE : null;
}

/** What the deployment's feed says of a person: what they did since the dataset, and all of it where that does not hold them. */
export function movedOf(
	app: FastifyInstance,
	deployed: Deployed | null,
	vocabulary: Vocabulary,
	user: string,
	erased: number | null,
): Moved | null | Promise<Moved | null> {
	if (!deployed?.feed) return null;
	return rowOf(vocabulary, user, erased) === null ? app.live.whole(deployed, user) : app.live.of(deployed, user);
}

export const unknownUser = () =>
	new ApiError(
		"unknown_user",
		"The dataset of this checkpoint has no such user. Use POST /recommendations for a new person, or fallback=popular.",
		[{ pointer: "/params/id", code: "unknown_user", message: "is not known here" }],
	);
