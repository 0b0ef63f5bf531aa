import { Anchor, Text } from "@mantine/core";
import { Link } from "react-router";
import { comparisonPath } from "../comparison-view";
import { when } from "../format";
import { starSentence } from "../marks";
import type { FoundMarks } from "../use-marks";

/** Where the intervals and stars of a table come from. */
export const MarksNote = ({ found: { comparison } }: { found: FoundMarks }) =>
	comparison && (
		<Text size="xs" c="dimmed">
			{starSentence(comparison)}; intervals of 95 %, from{" "}
			<Anchor component={Link} to={comparisonPath(comparison.id)} size="xs" underline="always" className="breaks">
				{comparison.name}
			</Anchor>
			, {when(comparison.createdAt)}.
		</Text>
	);
