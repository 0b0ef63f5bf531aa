import { Badge } from "@mantine/core";
import type { Refresh } from "@valence/client";
import { outcomeOf } from "../refreshing";

/** What became of a refresh, or where its job stands. */
export function RefreshBadge({ refresh }: { refresh: Refresh }) {
	const { word, color } = outcomeOf(refresh);
	return (
		<Badge className="state" color={color} variant="dot" size="sm" miw="max-content" tt="none" fw={500}>
			{word}
		</Badge>
	);
}
