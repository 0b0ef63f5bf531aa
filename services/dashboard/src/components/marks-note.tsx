import { Anchor, Text } from "@mantine/core";
import { Link } from "react-router";
import { comparisonPath } from "../comparison-view";
import { when } from "../format";
import type { FoundMarks } from "../use-marks";

/** Where the intervals and marks of a table come from. */
export const MarksNote = ({ found: { comparison, notes } }: { found: FoundMarks }) =>
	comparison && (
		<Text size="xs" c="dimmed">
			{notes.join("; ")}; intervals of 95 %, from{" "}
			<Anchor component={Link} to={comparisonPath(comparison.id)} size="xs" underline="always" className="breaks">
				{comparison.name}
			</Anchor>
			, {when(comparison.createdAt)}.
		</Text>
	);
