// Colours that stay apart in light and dark, for lines and for interests. The second round of them is dashed.
const PALETTE = ["indigo", "orange", "teal", "pink", "lime", "cyan", "grape", "yellow", "red", "green"];
const nameOf = (index: number) => PALETTE[index % PALETTE.length] ?? "gray";

/** More lines than this are not told apart. */
export const MOST_LINES = 2 * PALETTE.length;
export const isDashed = (index: number) => index >= PALETTE.length;
export const colourOf = (index: number) => `${nameOf(index)}.6`;
export const cssColourOf = (index: number) => `var(--mantine-color-${nameOf(index)}-6)`;
