import type { TestedInterests } from "./generated/openapi.js";

export interface Found {
	/** Items that the test asks for. */
	wanted: number;
	/** How many of them are on top of an interest; one that is on top of two counts once. */
	found: number;
	/** Whether the test ranked by a linear path as well, which orders no interest's top items: its list may have others on top. */
	hasLinear: boolean;
}

/** How far the top items of a user's interests lead to what the test asks for. */
export function foundOf({ interests, heldBack }: Pick<TestedInterests, "interests" | "heldBack">): Found {
	const tops = interests.flatMap(({ topItems }) => topItems);
	return {
		wanted: heldBack.filter(({ part }) => part === "test").length,
		found: new Set(tops.filter((item) => item.heldBack === "test").map(({ id }) => id)).size,
		hasLinear: tops.some(({ linearShare }) => linearShare !== undefined),
	};
}
