// Colours that stay apart in light and dark, for lines and for interests. The second round of them is dashed.
import type { LINEAR } from "@valence/client";

const PALETTE = ["indigo", "orange", "teal", "pink", "lime", "cyan", "grape", "yellow", "red", "green"];
const nameOf = (index: number) => PALETTE[index % PALETTE.length] ?? "gray";

/** More lines than this are not told apart. */
export const MOST_LINES = 2 * PALETTE.length;
export const isDashed = (index: number | typeof LINEAR) => typeof index === "number" && index >= PALETTE.length;
export const colourOf = (index: number) => `${nameOf(index)}.6`;
/** What is no interest has no colour. */
export const cssColourOf = (index: number | typeof LINEAR) =>
	`var(--mantine-color-${typeof index === "number" ? nameOf(index) : "gray"}-6)`;
