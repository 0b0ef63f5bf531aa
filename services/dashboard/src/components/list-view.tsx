import { Group, SegmentedControl, Stack, Text, Title } from "@mantine/core";
import type { UseQueryResult } from "@tanstack/react-query";
import type { Recommendations } from "@valence/client";
import { changesOf, isSilent, type Steering } from "../steering";
import { useAddress } from "../use-address";
import { AnsweredBy } from "./answered-by";
import { ProblemAlert } from "./feedback";
import { FreshField } from "./fresh-field";
import { Movements } from "./movements";
import { Ranking } from "./ranking";
import { Shelves } from "./shelves";
import { TagFilter } from "./tag-filter";

interface Props {
	deployment: string;
	label: string;
	/** Whether new items can be asked for: it is served with a feed. */
	hasFeed: boolean;
	steering: Steering;
	list: UseQueryResult<Recommendations, Error>;
	/** Of the interests; none where the model tells none apart. */
	names: string[];
}

/** A list, or a shelf an interest, filtered as asked; and what steering changes in it. */
export function ListView({ deployment, label, hasFeed, steering, list, names }: Props) {
	const { change } = useAddress();
	return (
		<Stack gap="xs">
			<Group justify="space-between" gap="xs">
				<Title order={3} size="h5" className="breaks">
					{label}
				</Title>
				{names.length > 0 && (
					<SegmentedControl
						size="xs"
						aria-label="Shown as"
						data={["List", "Shelves"]}
						value={steering.shelves ? "Shelves" : "List"}
						onChange={(chosen) => change(changesOf({ shelves: chosen === "Shelves" }))}
					/>
				)}
			</Group>
			<TagFilter deployment={deployment} steering={steering} />
			{(hasFeed || steering.fresh > 0) && <FreshField steering={steering} />}
			<ProblemAlert error={list.error} />
			{isSilent(steering) ? (
				<Text size="sm">Every interest is muted: nothing is left to recommend by.</Text>
			) : (
				list.data && (
					<Stack gap="xs" aria-busy={list.isPlaceholderData} className="answer">
						<AnsweredBy answer={list.data} />
						{list.data.preview && <Movements of={list.data.preview} names={names} />}
						{list.data.shelves && steering.shelves ? (
							<Shelves of={list.data.shelves} names={names} />
						) : (
							<Ranking label={label} answer={list.data} names={names} />
						)}
					</Stack>
				)
			)}
		</Stack>
	);
}
