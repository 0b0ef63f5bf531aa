import { Anchor, Text } from "@mantine/core";
import type { Item } from "@valence/client";
import { Link } from "react-router";
import { titleOf } from "../interests";

/** Beside a title; nothing where the id stands in its place. */
export const ItemId = ({ item: { id, title } }: { item: Item }) =>
	title && (
		<Text span size="xs" c="dimmed" className="id">
			{id}
		</Text>
	);

export const ItemName = ({ item }: { item: Item }) => (
	<span className="breaks">
		{titleOf(item)} <ItemId item={item} />
	</span>
);

export const ItemLink = ({ item, to }: { item: Item; to: string }) => (
	<span className="breaks">
		<Anchor component={Link} to={to} size="sm">
			{titleOf(item)}
		</Anchor>{" "}
		<ItemId item={item} />
	</span>
);
