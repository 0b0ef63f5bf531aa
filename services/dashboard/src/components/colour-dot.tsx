import { Box } from "@mantine/core";
import { cssColourOf, isDashed } from "../colours";

/** The colour of a line or an interest; hollow where the line is dashed. */
export const ColourDot = ({ index }: { index: number }) => (
	<Box
		component="span"
		className="dot"
		aria-hidden
		style={{ borderColor: cssColourOf(index), ...(!isDashed(index) && { background: cssColourOf(index) }) }}
	/>
);
