import { Alert, Anchor, Stack, Text } from "@mantine/core";
import { Link } from "react-router";
import type { Ranked, Recommendations } from "../shapes";
import { DataTable } from "./data-table";
import { InterestLabel, ShareBar } from "./share-bar";

export const ItemName = ({ id, title }: { id: string; title: string | null }) => (
	<span className="breaks">
		{title ?? id}{" "}
		{title && (
			<Text span size="xs" c="dimmed" className="id">
				{id}
			</Text>
		)}
	</span>
);

interface Props {
	label: string;
	answer: Recommendations;
	/** Titles of items that reasons may name. */
	titles?: Map<string, string>;
}

/** Recommended items from the best, each with the interest it serves most and the history items that speak for it. */
export function Ranking({ label, answer, titles = new Map() }: Props) {
	const mostOf = ({ interestShares }: Ranked) => interestShares.indexOf(Math.max(...interestShares));
	const rows = answer.items.map((item, index) => ({ ...item, rank: index + 1 }));
	return (
		<Stack gap="xs">
			<Text size="xs" c="dimmed">
				answered by{" "}
				<Anchor component={Link} to={`/runs/${answer.checkpoint.runId}`} size="xs" underline="always">
					{answer.checkpoint.model}, epoch {answer.checkpoint.epoch}
				</Anchor>
			</Text>
			{answer.unknownItems && answer.unknownItems.length > 0 && (
				<Alert color="yellow">Not known and left out: {answer.unknownItems.join(", ")}</Alert>
			)}
			<DataTable
				label={label}
				rows={rows}
				keyOf={(item) => item.id}
				columns={[
					{ title: "Rank", numeric: true, width: 56, cell: (item) => item.rank },
					{ title: "Item", lead: true, width: "38%", cell: (item) => <ItemName {...item} /> },
					...(answer.interests > 0
						? [
								{
									title: "Interest",
									width: 110,
									value: mostOf,
									cell: (item: Ranked) => <InterestLabel index={mostOf(item)} />,
								},
								{
									title: "Shares",
									width: 140,
									cell: (item: Ranked) => <ShareBar shares={item.interestShares} />,
								},
							]
						: []),
					{
						title: "Because of",
						cell: (item) => (
							<Text size="xs" c="dimmed" lineClamp={2}>
								{item.because.map(({ id }) => titles.get(id) ?? id).join("; ") || "–"}
							</Text>
						),
					},
					{ title: "Score", numeric: true, cell: (item) => item.score.toPrecision(4) },
				]}
			/>
		</Stack>
	);
}
