import { Alert, Anchor, Badge, Group, Text } from "@mantine/core";
import type { Recommendations } from "@valence/client";
import { Link } from "react-router";
import { freshSentence } from "../feed-words";
import { TIERS } from "../traffic";

/** Who answered and how, and what of the question was not known. */
export function AnsweredBy({ answer }: { answer: Recommendations }) {
	const fresh = freshSentence(answer.fresh);
	const { checkpoint, answeredBy, unknownItems = [], unknownTags = [] } = answer;
	return (
		<>
			<Group gap={8}>
				<Text size="xs" c="dimmed">
					answered by{" "}
					<Anchor component={Link} to={`/runs/${checkpoint.runId}`} size="xs" underline="always">
						{checkpoint.model}, epoch {checkpoint.epoch}
					</Anchor>
				</Text>
				<Badge
					variant="light"
					color="gray"
					size="xs"
					tt="none"
					fw={500}
					title={TIERS.find(({ tier }) => tier === answeredBy)?.meaning}
				>
					{answeredBy}
				</Badge>
				{fresh !== null && (
					<Text size="xs" c="dimmed" role="status">
						{fresh}
					</Text>
				)}
			</Group>
			{unknownItems.length > 0 && <Alert color="yellow">Not known and left out: {unknownItems.join(", ")}</Alert>}
			{unknownTags.length > 0 && <Alert color="yellow">No item has the tag {unknownTags.join(", ")}</Alert>}
		</>
	);
}
