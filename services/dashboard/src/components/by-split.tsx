import { Group, SegmentedControl, Title } from "@mantine/core";
import { type ReactNode, useState } from "react";
import { splitTitle } from "../format";
import { readingOrder, shownOf } from "../measures";
import { useMetricDefinitions } from "../queries";
import { MeasureChoice } from "./measure-choice";

interface Props {
	title: string;
	/** Of metrics, as "test.recall@20". */
	names: string[];
	/** Is handed those of the chosen split, the first ones where they are many and nobody has chosen. */
	children: (names: string[]) => ReactNode;
}

/** Metrics of one split at a time: those of all side by side are more than a page is wide. */
export function BySplit({ title, names, children }: Props) {
	const [chosen, setChosen] = useState<string | null>(null);
	const [measures, setMeasures] = useState<string[] | null>(null);
	const sorted = [...names].sort(readingOrder(useMetricDefinitions()));
	const splits = [...new Set(sorted.map((name) => name.split(".")[0] ?? ""))];
	const split = chosen ?? splits[0] ?? "";
	const there = sorted.filter((name) => name.startsWith(`${split}.`));
	const shown = shownOf(there, measures);
	return (
		<>
			<Group justify="space-between">
				<Title order={3} size="h5">
					{title}
				</Title>
				<Group gap="xs">
					<MeasureChoice label={title} names={there} shown={shown} onChange={setMeasures} />
					{splits.length > 1 && (
						<SegmentedControl
							size="xs"
							aria-label={`Split of ${title}`}
							data={splits.map((value) => ({ value, label: splitTitle(value) }))}
							value={split}
							onChange={setChosen}
						/>
					)}
				</Group>
			</Group>
			{children(shown)}
		</>
	);
}
