import { Box, Group, Text } from "@mantine/core";
import type { PairDifference } from "@valence/client";
import { type Finding, wonWords } from "../findings";
import { count } from "../format";

type Counts = Pick<PairDifference, "won" | "tied" | "lost">;

const PARTS = ["won", "tied", "lost"] as const;
/** Green and orange say that one is better. */
const COLOURS = { good: ["teal", "gray", "orange"], neither: ["indigo", "gray", "grape"] };

export const wonText = ({ won, tied, lost }: Counts) => `${count(won)} / ${count(tied)} / ${count(lost)}`;

interface Props {
	of: Counts & Pick<Finding, "better">;
}

/** How many users are better off, the same, and worse off. */
export function WonBar({ of }: Props) {
	const total = Math.max(1, of.won + of.tied + of.lost);
	const words = wonWords(of.better);
	const colours = of.better === null ? COLOURS.neither : COLOURS.good;
	const label = PARTS.map((part, place) => `${count(of[part])} users ${words[place]}`).join(", ");
	return (
		<div>
			<Group gap={1} w={120} h={8} wrap="nowrap" role="img" aria-label={label} title={label} className="bar">
				{PARTS.map((part, place) => (
					<Box
						key={part}
						h="100%"
						style={{ width: `${(100 * of[part]) / total}%`, background: `var(--mantine-color-${colours[place]}-6)` }}
					/>
				))}
			</Group>
			<Text size="xs" c="dimmed" className="together">
				{wonText(of)}
			</Text>
		</div>
	);
}
