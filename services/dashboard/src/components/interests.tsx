import { Group, Paper, Progress, SimpleGrid, Text, Title } from "@mantine/core";
import { colourOf } from "../colours";
import { count, percent } from "../format";
import type { UserInterests } from "../shapes";
import { DataTable } from "./data-table";
import { ItemName } from "./ranking";
import { InterestLabel, interestName, ShareBar } from "./share-bar";

/** What a user is interested in, what formed it, and the history it was learned from. */
export function Interests({ answer: { interests, history, historyTotal } }: { answer: UserInterests }) {
	return (
		<>
			{interests.length > 0 && (
				<>
					<Title order={3} size="h5">
						Interests
					</Title>
					<SimpleGrid cols={{ base: 1, sm: 2, lg: Math.min(4, interests.length) }}>
						{interests.map(({ index, weight, formedBy, topItems }) => (
							<Paper key={index} withBorder p="sm">
								<Group justify="space-between" mb={6}>
									<InterestLabel index={index} />
									<Text size="sm" fw={600}>
										{percent(weight)}
									</Text>
								</Group>
								<Progress
									value={weight * 100}
									size="sm"
									mb="sm"
									color={colourOf(index)}
									aria-label={`Weight of ${interestName(index)}`}
								/>
								<ItemList title="Formed by" items={formedBy.slice(0, 4)} />
								<ItemList title="Top items" items={topItems.slice(0, 6)} />
							</Paper>
						))}
					</SimpleGrid>
				</>
			)}
			<Title order={3} size="h5">
				History, {count(historyTotal)} {historyTotal === 1 ? "item" : "items"}
			</Title>
			<DataTable
				label="History"
				rows={history}
				keyOf={(item) => item.id}
				pageSize={25}
				columns={[
					{ title: "Item", lead: true, cell: (item) => <ItemName {...item} /> },
					...(interests.length > 0
						? [
								{
									title: "Forms",
									width: 140,
									cell: (item: UserInterests["history"][number]) => <ShareBar shares={item.interestShares} />,
								},
							]
						: []),
				]}
			/>
		</>
	);
}

const ItemList = ({ title, items }: { title: string; items: { id: string; title: string | null }[] }) => (
	<>
		<Text size="xs" c="dimmed" mt={6}>
			{title}
		</Text>
		{items.length === 0 && <Text size="sm">–</Text>}
		{items.map((item) => (
			<Text key={item.id} size="xs" mb={2} className="breaks" title={item.id}>
				{item.title ?? item.id}
			</Text>
		))}
	</>
);
