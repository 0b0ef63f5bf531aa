import { Text } from "@mantine/core";
import { type ComparisonDetail, markSentences } from "@valence/client";
import { metricTitle } from "../format";
import { marksOf, STAR } from "../marks";
import { betterOf, type Known } from "../measures";
import { effortSentence } from "../trials";
import { DataTable } from "./data-table";
import { metricColumn } from "./metric-column";

interface Props {
	comparison: ComparisonDetail;
	known: Known[];
}

/** The means of every group under every metric that was compared. */
export function TestedMeans({ comparison, known }: Props) {
	const { name, groups, metrics, baseline } = comparison;
	const marks = marksOf(comparison, known);
	const notes = markSentences(comparison, STAR);
	const isBaseline = (group: (typeof groups)[number]) => baseline !== null && groups[baseline] === group;
	return (
		<div>
			<DataTable
				label="Means"
				takenAs={`Means of ${name}`}
				notes={notes}
				scrolls
				rows={groups}
				keyOf={(group) => group.name}
				sort={metricTitle(`.${metrics[0]}`, known)}
				isAscending={betterOf(`.${metrics[0]}`, known) === "lower"}
				columns={[
					{
						title: "Group",
						value: (group) => group.name,
						cell: (group) => (
							<>
								<span className="breaks">{group.name}</span>
								{group.effort !== null && (
									<Text size="xs" c="dimmed">
										{effortSentence(group.effort)}
									</Text>
								)}
								{isBaseline(group) && (
									<Text size="xs" c="dimmed">
										what the others are compared with
									</Text>
								)}
							</>
						),
					},
					{
						title: "Seeds",
						numeric: true,
						value: (group) => group.runs.length,
						cell: (group) => group.runs.length,
					},
					...metrics.map((metric) =>
						metricColumn({
							title: metricTitle(`.${metric}`, known),
							rows: groups,
							meanOf: (group) => {
								const mark = marks(group, metric);
								return { mean: mark?.mean.mean, deviation: mark?.mean.seedDeviation };
							},
							markOf: (group) => marks(group, metric),
							isBest: (group) => marks(group, metric)?.meaning === "methods",
						}),
					),
				]}
			/>
			<Text size="xs" c="dimmed">
				{notes.join("; ")}.
			</Text>
		</div>
	);
}
