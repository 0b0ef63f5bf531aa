import { Group, Paper, SimpleGrid, Text } from "@mantine/core";
import type { MovedItem, Recommendations } from "@valence/client";
import { nameAt, titleOf } from "../interests";
import { ColourDot } from "./colour-dot";

/** The rest is a press away. */
const SHOWN = 5;

interface Props {
	of: NonNullable<Recommendations["preview"]>;
	names: string[];
}

/** What steering brings into the list and takes out of it, each with the interest that did it. */
export const Movements = ({ of: { entered, left }, names }: Props) => (
	<Paper withBorder p="sm" component="section" aria-label="What changes">
		<SimpleGrid cols={{ base: 1, xs: 2 }}>
			<Side title="Comes in" items={entered} names={names} />
			<Side title="Goes out" items={left} names={names} />
		</SimpleGrid>
	</Paper>
);

const Side = ({ title, items, names }: { title: string; items: MovedItem[]; names: string[] }) => (
	<div>
		<Text size="xs" fw={600} mb={4}>
			{title}, {items.length}
		</Text>
		<Items items={items.slice(0, SHOWN)} names={names} />
		{items.length > SHOWN && (
			<details>
				<summary>{items.length - SHOWN} more</summary>
				<Items items={items.slice(SHOWN)} names={names} />
			</details>
		)}
	</div>
);

const Items = ({ items, names }: { items: MovedItem[]; names: string[] }) => (
	<ul className="names">
		{items.map((item) => (
			<Group key={item.id} component="li" gap={6} wrap="nowrap" align="baseline">
				<ColourDot index={item.interest} />
				<Text span size="xs" className="breaks">
					{titleOf(item)}{" "}
					<Text span size="xs" c="dimmed">
						{nameAt(names, item.interest)}
					</Text>
				</Text>
			</Group>
		))}
	</ul>
);
