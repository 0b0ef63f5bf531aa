import { Group, Pill, Stack, Text } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQueryClient } from "@tanstack/react-query";
import type { Deployment } from "@valence/client";
import { count } from "../format";
import { itemsQuery, useItems } from "../serving-queries";
import { useAddress } from "../use-address";
import { CursorPages } from "./cursor-pages";
import { DataTable } from "./data-table";
import { Loaded } from "./feedback";
import { ItemDetails } from "./item-details";
import { ItemLink } from "./item-name";
import { SEARCH_MS, SearchField } from "./search-field";
import { Tags } from "./tags";

/** The items of the data, and the one of them that is shown. */
export function Items({ deployment }: { deployment: Deployment }) {
	const { search, change } = useAddress();
	const client = useQueryClient();
	const shown = search.get("item");
	const tag = search.get("tag");
	return (
		<Stack>
			<SearchField
				label="Find an item"
				placeholder="Words of a title, or the beginning of an id"
				first={async (q) => (await client.fetchQuery(itemsQuery(deployment.name, q, tag, null))).items[0]?.id}
				onOpen={(id) => change({ q: null, cursor: null, item: id })}
				onType={(text, isStep) => change({ q: text || null, cursor: null, item: null }, { replace: !isStep })}
			/>
			{tag !== null && !shown && (
				<Group gap="xs">
					<Text size="sm" c="dimmed">
						with the tag
					</Text>
					<Pill
						withRemoveButton
						removeButtonProps={{ "aria-label": `Without the tag ${tag}`, "aria-hidden": false, tabIndex: 0 }}
						onRemove={() => change({ tag: null, cursor: null })}
					>
						{tag}
					</Pill>
				</Group>
			)}
			{shown ? (
				<ItemDetails key={shown} deployment={deployment} id={shown} />
			) : (
				<FoundItems deployment={deployment.name} />
			)}
		</Stack>
	);
}

function FoundItems({ deployment }: { deployment: string }) {
	const { search, linkTo } = useAddress();
	const [q] = useDebouncedValue(search.get("q") ?? "", SEARCH_MS);
	return (
		<Loaded query={useItems(deployment, q, search.get("tag"), search.get("cursor"))}>
			{(page) => (
				<>
					<CursorPages page={page} names={["item", "items"]} />
					{page.items.length > 0 && (
						<DataTable
							label="Items"
							rows={page.items}
							keyOf={({ id }) => id}
							columns={[
								{
									title: "Item",
									lead: true,
									cell: (item) => <ItemLink item={item} to={linkTo({ q: null, cursor: null, item: item.id })} />,
								},
								...(page.items.some(({ tags }) => tags.length > 0)
									? [{ title: "Tags", cell: ({ tags }: { tags: string[] }) => <Tags of={tags} /> }]
									: []),
								{ title: "Interactions", numeric: true, cell: ({ popularity }) => count(popularity) },
							]}
						/>
					)}
				</>
			)}
		</Loaded>
	);
}
