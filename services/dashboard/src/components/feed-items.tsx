import { Stack, Switch, Text, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../api";
import { useFeedItems } from "../feed-queries";
import { keys } from "../queries";
import { DataTable } from "./data-table";
import { Panel } from "./facts";
import { Loaded, ProblemAlert } from "./feedback";
import { ItemName } from "./item-name";
import { SEARCH_MS } from "./search-field";

/** What interactions are about, and whether it can be had. */
export function FeedItems({ name, total }: { name: string; total: number }) {
	const client = useQueryClient();
	const [id, setId] = useState("");
	const [asked] = useDebouncedValue(id, SEARCH_MS);
	const change = useMutation({
		mutationFn: (item: { item: string; available: boolean }) =>
			api.put("/feeds/{name}/items", { path: { name }, body: { items: [item] } }),
		onSettled: async () => {
			await client.invalidateQueries({ queryKey: [...keys.feed(name), "items"] });
			await client.invalidateQueries({ queryKey: keys.users });
		},
	});
	return (
		<Panel title="Items">
			<Stack gap="xs">
				<TextInput
					aria-label="Find an item by the whole id"
					placeholder="The whole id of an item"
					value={id}
					onChange={(event) => setId(event.currentTarget.value)}
				/>
				<ProblemAlert error={change.error} />
				<Loaded query={useFeedItems(name, asked)}>
					{(items) =>
						items.length === 0 ? (
							<Text size="sm" c="dimmed">
								{asked === "" ? "Nothing yet" : "There is no such item"}
							</Text>
						) : (
							<DataTable
								label="Items"
								rows={items}
								keyOf={(item) => item.id}
								pageSize={10}
								total={total}
								columns={[
									{
										title: "Item",
										lead: true,
										cell: (item) => <ItemName item={item} />,
									},
									{ title: "Tags", cell: (item) => <span className="breaks">{item.tags.join(", ") || "–"}</span> },
									{
										title: "Available",
										cell: (item) => (
											<Switch
												size="sm"
												aria-label={`${item.id} is available`}
												checked={item.available}
												disabled={change.isPending}
												onChange={(event) => change.mutate({ item: item.id, available: event.currentTarget.checked })}
											/>
										),
									},
								]}
							/>
						)
					}
				</Loaded>
			</Stack>
		</Panel>
	);
}
