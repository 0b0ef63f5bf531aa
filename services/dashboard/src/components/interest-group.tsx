import { Badge, Group, Paper, Progress, SimpleGrid, Text } from "@mantine/core";
import type { GroupedItem, TestedTopItem } from "@valence/client";
import type { ReactNode } from "react";
import { colourOf } from "../colours";
import { count, percent } from "../format";
import type { InterestGroup as Shown } from "../tested-interests";
import { ColourDot } from "./colour-dot";
import { ItemName } from "./item-name";
import { ShareBar } from "./share-bar";

/** More of a history stands behind a click. */
const AT_ONCE = 10;

/** An interest of a user: what of their history belongs to it, and what the model puts on top by it. */
export function InterestGroup({ of, names }: { of: Shown; names: string[] }) {
	const { index, name, weight, history, topItems } = of;
	const [first, rest] = [history.slice(0, AT_ONCE), history.slice(AT_ONCE)];
	const belonging = (items: GroupedItem[]) => (
		<Items items={items} beside={({ interestShares }) => <ShareBar shares={interestShares} names={names} />} />
	);
	return (
		<Paper withBorder p="sm" component="article" aria-label={name}>
			<Group justify="space-between" mb={6} wrap="nowrap" align="start">
				<Group gap={6} wrap="nowrap" align="baseline">
					<ColourDot index={index} />
					<Text size="sm" fw={600} className="breaks">
						{name}
					</Text>
				</Group>
				<Text size="sm" fw={600} className="together">
					{percent(weight)}
				</Text>
			</Group>
			<Progress value={weight * 100} size="sm" mb="sm" color={colourOf(index)} aria-label={`Share of ${name}`} />
			<SimpleGrid cols={{ base: 1, sm: 2 }} spacing="lg">
				<div>
					<Heading>
						History, {count(history.length)} {history.length === 1 ? "item" : "items"}
					</Heading>
					{history.length === 0 ? (
						<Text size="sm" c="dimmed">
							No item belongs to it more than to another interest.
						</Text>
					) : (
						belonging(first)
					)}
					{rest.length > 0 && (
						<details className="more">
							<summary>{count(rest.length)} more</summary>
							{belonging(rest)}
						</details>
					)}
				</div>
				<div>
					<Heading>Top items</Heading>
					<Items
						items={topItems}
						mark={Found}
						beside={({ interestShares, linearShare }) => (
							<ShareBar shares={interestShares} linear={linearShare} names={names} />
						)}
					/>
				</div>
			</SimpleGrid>
		</Paper>
	);
}

const Heading = ({ children }: { children: ReactNode }) => (
	<Text size="xs" c="dimmed" mb={4}>
		{children}
	</Text>
);

interface Listed {
	id: string;
	title: string | null;
	tags: string[];
}
interface ItemsProps<T extends Listed> {
	items: T[];
	/** Behind the name. */
	mark?: (item: T) => ReactNode;
	beside: (item: T) => ReactNode;
}
function Items<T extends Listed>({ items, mark, beside }: ItemsProps<T>) {
	return (
		<ul className="names">
			{items.map((item) => (
				<li key={item.id} className="named">
					<Text size="sm" component="div" flex="1 1 180px">
						<ItemName item={item} />
						{item.tags.length > 0 && (
							<Text span size="xs" c="dimmed" className="breaks">
								{" "}
								{item.tags.join(", ")}
							</Text>
						)}{" "}
						{mark?.(item)}
					</Text>
					{beside(item)}
				</li>
			))}
		</ul>
	);
}

function Found({ heldBack }: TestedTopItem) {
	if (heldBack === null) return null;
	return (
		<Badge size="xs" variant="light" tt="none" miw="max-content" {...(heldBack === "valid" && { color: "gray" })}>
			{heldBack === "test" ? "asked for" : "in validation"}
		</Badge>
	);
}
