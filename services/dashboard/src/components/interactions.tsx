import { Badge, Button, Group, Text, Title } from "@mantine/core";
import type { Deployment } from "@valence/client";
import { useState } from "react";
import { partTitle } from "../feed-words";
import { count, when } from "../format";
import { useDataset } from "../queries";
import { useHistory } from "../serving-queries";
import { DataTable } from "./data-table";
import { Loaded } from "./feedback";
import { ItemName } from "./item-name";

/** Everything a person has met, newest first, and what became of it. */
export function Interactions({ deployment, user }: { deployment: Deployment; user: string }) {
	const [cursor, setCursor] = useState<string | null>(null);
	const data = useDataset(deployment.feed === null ? "" : deployment.checkpoint.dataset.id).data;
	const isSnapshot = data?.feed?.name === deployment.feed;
	return (
		<Loaded query={useHistory(deployment.name, user, cursor)}>
			{({ items, total, nextCursor }) => (
				<>
					<Title order={3} size="h5">
						All they have met{items[0]?.at && ", newest first"}
					</Title>
					<DataTable
						label="All they have met"
						rows={items}
						keyOf={({ id, part, at }) => JSON.stringify([id, part, at])}
						columns={[
							{
								title: "Item",
								lead: true,
								cell: (item) => (
									<>
										<ItemName item={item} />{" "}
										{!item.known && (
											<Badge
												size="xs"
												variant="light"
												color="gray"
												tt="none"
												title="It came after the dataset; the next snapshot has it."
											>
												not known to the model
											</Badge>
										)}
									</>
								),
							},
							{ title: "When", cell: ({ at }) => (at === null ? "unknown" : when(at)) },
							{
								title: "Part",
								cell: ({ part, live }) => (
									<>
										{part !== "live" && partTitle(part, deployment, isSnapshot)}
										{part !== "live" && live && " "}
										{live && (
											<Badge size="sm" variant="dot" color="teal" tt="none" fw={500}>
												{partTitle("live", deployment, isSnapshot)}
											</Badge>
										)}
									</>
								),
							},
						]}
					/>
					<Group gap="xs">
						<Text size="sm" c="dimmed">
							{count(total)} {total === 1 ? "interaction" : "interactions"}
						</Text>
						{cursor !== null && (
							<Button size="xs" variant="default" onClick={() => setCursor(null)}>
								Newest
							</Button>
						)}
						{nextCursor && (
							<Button size="xs" variant="default" onClick={() => setCursor(nextCursor)}>
								Older
							</Button>
						)}
					</Group>
				</>
			)}
		</Loaded>
	);
}
