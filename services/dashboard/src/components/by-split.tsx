import { Group, SegmentedControl, Title } from "@mantine/core";
import { type ReactNode, useState } from "react";
import { byReading, splitTitle } from "../format";

interface Props {
	title: string;
	/** Of metrics, as "test.recall@20". */
	names: string[];
	/** Is handed the metrics of the chosen split. */
	children: (names: string[]) => ReactNode;
}

/** Metrics of one split at a time: those of all side by side are more than a page is wide. */
export function BySplit({ title, names, children }: Props) {
	const [chosen, setChosen] = useState<string | null>(null);
	const sorted = [...names].sort(byReading);
	const splits = [...new Set(sorted.map((name) => name.split(".")[0] ?? ""))];
	const split = chosen ?? splits[0] ?? "";
	return (
		<>
			<Group justify="space-between">
				<Title order={3} size="h5">
					{title}
				</Title>
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
			{children(sorted.filter((name) => name.startsWith(`${split}.`)))}
		</>
	);
}
