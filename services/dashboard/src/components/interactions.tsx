import { Button, Group, Text, Title } from "@mantine/core";
import type { UserHistory } from "@valence/client";
import { useState } from "react";
import { count, when } from "../format";
import { useHistory } from "../serving-queries";
import { DataTable } from "./data-table";
import { Loaded } from "./feedback";
import { ItemName } from "./item-name";

const PARTS: Record<UserHistory["items"][number]["part"], string> = {
	train: "learnt from",
	valid: "held back for validation",
	test: "held back for test",
	fold_in: "folded in",
};

/** Everything a user of the data has met, newest first, and what became of it. */
export function Interactions({ deployment, user }: { deployment: string; user: string }) {
	const [cursor, setCursor] = useState<string | null>(null);
	return (
		<Loaded query={useHistory(deployment, user, cursor)}>
			{({ items, total, nextCursor }) => (
				<>
					<Title order={3} size="h5">
						All they have met{items[0]?.at && ", newest first"}
					</Title>
					<DataTable
						label="All they have met"
						rows={items}
						keyOf={(item) => item.id}
						columns={[
							{ title: "Item", lead: true, cell: (item) => <ItemName item={item} /> },
							{ title: "When", cell: ({ at }) => (at === null ? "unknown" : when(at)) },
							{ title: "Part", cell: ({ part }) => PARTS[part] },
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
