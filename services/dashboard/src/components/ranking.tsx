import { Badge, Text } from "@mantine/core";
import { causeOf, LINEAR, type Recommendations, type RecommendedItem } from "@valence/client";
import { nameAt, titleOf } from "../interests";
import { DataTable } from "./data-table";
import { ItemName } from "./item-name";
import { InterestLabel, ShareBar } from "./share-bar";

interface Props {
	label: string;
	answer: Recommendations;
	/** Of the interests. */
	names: string[];
}

/** Interests in their order, then what goes with the history; last what no model knows. */
function placeOf(item: RecommendedItem): number {
	const cause = causeOf(item);
	return cause === null ? Number.POSITIVE_INFINITY : cause === LINEAR ? item.interestShares.length : cause;
}

/** Recommended items from the best, each with the interests it serves and the history items that speak for it. */
export function Ranking({ label, answer, names }: Props) {
	const entered = new Set(answer.preview?.entered.map(({ id }) => id));
	const rows = answer.items.map((item, index) => ({ ...item, rank: index + 1 }));
	return (
		<DataTable
			label={label}
			rows={rows}
			keyOf={(item) => item.id}
			columns={[
				{ title: "Rank", numeric: true, width: 56, cell: (item) => item.rank },
				{
					title: "Item",
					lead: true,
					cell: (item) => (
						<>
							<ItemName item={item} />{" "}
							{entered.has(item.id) && (
								<Badge size="xs" variant="light" tt="none">
									comes in
								</Badge>
							)}
							{item.fresh && <NewItem of={item} />}
							<Reasons of={item} />
						</>
					),
				},
				...(answer.interests > 0
					? [
							{
								title: "Interests",
								width: 150,
								value: placeOf,
								text: (item: RecommendedItem) => causeName(item, names),
								cell: (item: RecommendedItem) => <Causes of={item} names={names} />,
							},
						]
					: []),
				{ title: "Score", numeric: true, width: 80, cell: (item) => (item.fresh ? "–" : item.score.toPrecision(4)) },
			]}
		/>
	);
}

function causeName(item: RecommendedItem, names: string[]): string {
	const cause = causeOf(item);
	return cause === null ? "–" : nameAt(names, cause);
}

/** What has the largest part in the score, above all that have one. */
function Causes({ of: item, names }: { of: RecommendedItem; names: string[] }) {
	const cause = causeOf(item);
	if (cause === null) return null;
	return (
		<div className="shares">
			<InterestLabel index={cause} names={names} />
			<ShareBar shares={item.interestShares} linear={item.linearShare} names={names} />
		</div>
	);
}

/** Of an item that no model knows yet: what it is chosen by. */
const NewItem = ({ of: { tags = [] } }: { of: RecommendedItem }) => (
	<>
		<Badge size="xs" variant="light" color="teal" tt="none">
			new
		</Badge>
		<Text size="xs" c="dimmed" fw={400}>
			for {tags.join(", ")}
		</Text>
	</>
);

/** The history items that speak most for an item: they stand behind an interest, or it goes with them whatever the interest. */
export const Reasons = ({ of: item }: { of: RecommendedItem }) =>
	item.because.length > 0 && (
		<Text size="xs" c="dimmed" fw={400} lineClamp={2}>
			{causeOf(item) === LINEAR ? "goes with" : "because of"} {item.because.map(titleOf).join("; ")}
		</Text>
	);
