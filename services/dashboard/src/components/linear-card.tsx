import { Group, Paper, Progress, Text } from "@mantine/core";
import { LINEAR } from "@valence/client";
import { percent } from "../format";
import { nameAt } from "../interests";
import { ColourDot } from "./colour-dot";

/** What recommends beside the interests, and how much of the list it explains, 0 to 1. */
export const LinearCard = ({ share }: { share: number }) => (
	<Paper withBorder p="sm" component="section" aria-label={nameAt([], LINEAR)}>
		<Group justify="space-between" mb={6} wrap="nowrap" align="start">
			<Group gap={6} wrap="nowrap" align="baseline">
				<ColourDot index={LINEAR} />
				<Text size="sm" fw={600} className="breaks">
					{nameAt([], LINEAR)}
				</Text>
			</Group>
			<Text size="sm" fw={600} className="together">
				{percent(share)} of the list
			</Text>
		</Group>
		<Progress value={share * 100} size="sm" mb={6} color="gray.6" aria-label={`Share of: ${nameAt([], LINEAR)}`} />
		<Text size="xs" c="dimmed">
			No interest, and without a weight of its own: what people have together with items of the history.
		</Text>
	</Paper>
);
