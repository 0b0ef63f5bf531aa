import { Box } from "@mantine/core";
import type { LINEAR } from "@valence/client";
import { cssColourOf, isDashed } from "../colours";

/** The colour of a line or of a cause; hollow where the line is dashed. */
export const ColourDot = ({ index }: { index: number | typeof LINEAR }) => (
	<Box
		component="span"
		className="dot"
		aria-hidden
		style={{ borderColor: cssColourOf(index), ...(!isDashed(index) && { background: cssColourOf(index) }) }}
	/>
);
