import { Badge, Text } from "@mantine/core";
import type { Recommendations, RecommendedItem } from "@valence/client";
import { titleOf } from "../interests";
import { DataTable } from "./data-table";
import { ItemName } from "./item-name";
import { InterestLabel, ShareBar } from "./share-bar";

interface Props {
	label: string;
	answer: Recommendations;
	/** Of the interests. */
	names: string[];
}

const mostOf = ({ interestShares }: RecommendedItem) => interestShares.indexOf(Math.max(...interestShares));

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
							<Reasons of={item} />
						</>
					),
				},
				...(answer.interests > 0
					? [
							{
								title: "Interests",
								width: 150,
								value: mostOf,
								cell: (item: RecommendedItem) => (
									<div className="shares">
										<InterestLabel index={mostOf(item)} names={names} />
										<ShareBar shares={item.interestShares} names={names} />
									</div>
								),
							},
						]
					: []),
				{ title: "Score", numeric: true, width: 80, cell: (item) => item.score.toPrecision(4) },
			]}
		/>
	);
}

/** The history items that speak most for an item. */
export const Reasons = ({ of: { because } }: { of: RecommendedItem }) =>
	because.length > 0 && (
		<Text size="xs" c="dimmed" fw={400} lineClamp={2}>
			because of {because.map(titleOf).join("; ")}
		</Text>
	);
