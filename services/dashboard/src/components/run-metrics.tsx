import { Anchor, CloseButton, Group, Text } from "@mantine/core";
import { Link } from "react-router";
import { bestValue } from "../best-value";
import type { Compared } from "../compared";
import { metric, metricTitle } from "../format";
import { useMetricDefinitions } from "../queries";
import { BySplit } from "./by-split";
import { ColourDot } from "./colour-dot";
import { type Column, DataTable } from "./data-table";

interface Props {
	compared: Compared[];
	/** Measured under one protocol, so that the best of them can be told. */
	isComparable: boolean;
	remove: (id: string) => void;
}

export function RunMetrics(props: Props) {
	const names = [...new Set(props.compared.flatMap(({ run }) => Object.keys(run.metrics)))];
	return (
		<BySplit title="Metrics" names={names}>
			{(shown) => <SplitMetrics key={shown[0]} names={shown} {...props} />}
		</BySplit>
	);
}

/** A row a run, a column a metric; sorts. */
function SplitMetrics({ compared, isComparable, remove, names }: Props & { names: string[] }) {
	const metricOf =
		(name: string) =>
		({ run }: Compared) =>
			run.metrics[name];
	const known = useMetricDefinitions();
	const columns: Column<Compared>[] = names.map((name) => {
		const best = bestValue(name, compared.map(metricOf(name)), known);
		const isBest = (one: Compared) =>
			isComparable && !name.startsWith("train.") && best !== undefined && metricOf(name)(one) === best;
		return {
			title: metricTitle(name, known),
			numeric: true,
			value: metricOf(name),
			text: (one) => metric(metricOf(name)(one)),
			isBest,
			cell: (one) => (
				<Text span size="sm" fw={isBest(one) ? 700 : undefined}>
					{metric(metricOf(name)(one))}
				</Text>
			),
		};
	});
	return (
		<DataTable
			label="Metrics"
			takenAs="Metrics"
			scrolls
			rows={compared}
			keyOf={({ run }) => run.id}
			columns={[
				{
					title: "Run",
					value: ({ label }) => label,
					cell: ({ run, label }) => (
						<Group gap={6} wrap="nowrap">
							<ColourDot index={compared.findIndex((one) => one.run.id === run.id)} />
							<Anchor component={Link} to={`/runs/${run.id}`} size="sm">
								{label}
							</Anchor>
						</Group>
					),
				},
				...columns,
				{
					title: "Take out",
					bare: true,
					cell: ({ run, label }) => (
						<CloseButton size="xs" aria-label={`Take ${label} out`} onClick={() => remove(run.id)} />
					),
				},
			]}
		/>
	);
}
