import { Anchor, Group, Text } from "@mantine/core";
import { endingOf, plain, type SearchDetail, type SearchTrial } from "@valence/client";
import { Link } from "react-router";
import { brief, duration, metric } from "../format";
import type { Sortable } from "../sorting";
import { DataTable } from "./data-table";
import { TrialMark } from "./trial-mark";

interface Props {
	search: SearchDetail;
	title: string;
	onShow: (number: number | null) => void;
}

/** Every trial: its number, how it ended, what it tried and what came of it. */
export const TrialTable = ({ search: { history, space, model, best }, title, onShow }: Props) => (
	<DataTable
		label="Trials"
		takenAs={`Trials of ${model}`}
		rows={history}
		keyOf={(trial) => trial.runId}
		pageSize={25}
		columns={[
			{
				title: "Trial",
				lead: true,
				value: (trial) => trial.number,
				cell: (trial) => (
					<Anchor
						component={Link}
						to={`/runs/${trial.runId}`}
						size="sm"
						onFocus={() => onShow(trial.number)}
						onMouseEnter={() => onShow(trial.number)}
					>
						Trial {trial.number}
					</Anchor>
				),
			},
			{
				title: "State",
				value: endingOf,
				cell: (trial) => (
					<Group gap={6} wrap="nowrap">
						<svg width={12} height={12} aria-hidden className="fixed">
							<TrialMark ending={endingOf(trial)} x={6} y={6} />
						</svg>
						<Text size="sm">{endingOf(trial)}</Text>
					</Group>
				),
			},
			...Object.keys(space).map((field) => ({
				title: field,
				numeric: true,
				value: (trial: SearchTrial) => sortable(trial.chosen?.[field]),
				text: (trial: SearchTrial) => shown(trial, field),
				cell: (trial: SearchTrial) => shown(trial, field),
			})),
			{
				title,
				numeric: true,
				value: (trial) => trial.value,
				text: (trial) => metric(trial.value),
				isBest: (trial) => trial.number === best?.number,
				cell: (trial) => (trial.number === best?.number ? <b>{metric(trial.value)}</b> : metric(trial.value)),
			},
			{ title: "Epochs", numeric: true, value: (trial) => trial.epochs, cell: (trial) => trial.epochs },
			{
				title: "Time",
				numeric: true,
				value: (trial) => trial.seconds,
				text: (trial) => duration(trial.seconds),
				values: [{ title: "Seconds", of: (trial) => trial.seconds }],
				cell: (trial) => duration(trial.seconds),
			},
		]}
	/>
);

const sortable = (value: unknown): Sortable =>
	value === undefined || typeof value === "number" || typeof value === "string" ? value : plain(value);

function shown({ chosen }: SearchTrial, field: string): string {
	const value = chosen?.[field];
	return value === undefined ? "–" : brief(value);
}
