import { List, Paper, SimpleGrid, Text } from "@mantine/core";
import type { Recommendations } from "@valence/client";
import { nameAt } from "../interests";
import { ItemName } from "./item-name";
import { Reasons } from "./ranking";
import { InterestLabel } from "./share-bar";

/** Side by side, more are not read. */
const SHOWN = 10;

/** One list an interest. */
export const Shelves = ({ of, names }: { of: NonNullable<Recommendations["shelves"]>; names: string[] }) => (
	<SimpleGrid cols={{ base: 1, sm: 2 }}>
		{of.map(({ interest, items }) => (
			<Paper key={interest} withBorder p="sm" component="section" aria-label={`Shelf of ${nameAt(names, interest)}`}>
				<InterestLabel index={interest} names={names} />
				{items.length === 0 ? (
					<Text size="sm" c="dimmed" mt="xs">
						Nothing passes the filter.
					</Text>
				) : (
					<List type="ordered" size="sm" mt="xs" spacing={6} className="shelf">
						{items.slice(0, SHOWN).map((item) => (
							<List.Item key={item.id}>
								<ItemName item={item} />
								<Reasons of={item} />
							</List.Item>
						))}
					</List>
				)}
			</Paper>
		))}
	</SimpleGrid>
);
