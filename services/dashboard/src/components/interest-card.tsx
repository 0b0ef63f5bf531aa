import { Group, Paper, Progress, Text } from "@mantine/core";
import type { Interest, Item } from "@valence/client";
import type { ReactNode } from "react";
import { colourOf } from "../colours";
import { percent } from "../format";
import { titleOf } from "../interests";
import { ColourDot } from "./colour-dot";

const EXAMPLES = 3;

interface Props {
	interest: Interest;
	name: string;
	children: ReactNode;
}

/** What an interest is about, how much of the person it is, what formed it; and what steers it. */
export function InterestCard({ interest, name, children }: Props) {
	const { index, weight, topItems, formedBy } = interest;
	return (
		<Paper withBorder p="sm" component="section" aria-label={name}>
			<Group justify="space-between" mb={6} wrap="nowrap" align="start">
				<Group gap={6} wrap="nowrap" align="baseline">
					<ColourDot index={index} />
					<Text size="sm" fw={600} lineClamp={2} className="breaks">
						{name}
					</Text>
				</Group>
				<Text size="sm" fw={600} className="together">
					{percent(weight)}
				</Text>
			</Group>
			<Progress value={weight * 100} size="sm" mb={6} color={colourOf(index)} aria-label={`Share of ${name}`} />
			<Names items={topItems.slice(0, EXAMPLES)} />
			{children}
			{formedBy.length > 0 && (
				<details>
					<summary>Formed by</summary>
					<Names items={formedBy} />
				</details>
			)}
		</Paper>
	);
}

const Names = ({ items }: { items: Item[] }) => (
	<ul className="names">
		{items.map((item) => (
			<Text key={item.id} component="li" size="xs" truncate title={titleOf(item)}>
				{titleOf(item)}
			</Text>
		))}
	</ul>
);
