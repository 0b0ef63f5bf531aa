import { Anchor, Button, Group, Select, Stack, TagsInput, Text } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { Evaluation, RunDetail } from "@valence/client";
import { useState } from "react";
import { Link } from "react-router";
import { api } from "../api";
import { count, duration, metric, metricTitle } from "../format";
import { inWords } from "../in-words";
import { readingOrder } from "../measures";
import { cutoffProblem, MASKS, maskOf, metricsProblem } from "../protocol";
import { isOpen, keys, useEvaluations, useMetricDefinitions } from "../queries";
import { useAddress } from "../use-address";
import { CancelButton } from "./cancel-button";
import { DataTable } from "./data-table";
import { Panel } from "./facts";
import { Loaded, ProblemAlert, StateBadge } from "./feedback";
import { MetricsField } from "./metrics-field";

/** Measures a checkpoint once more under another rule, and lists what was measured. */
export function Evaluations({ run }: { run: RunDetail }) {
	const client = useQueryClient();
	const evaluations = useEvaluations(run.id);
	const [checkpoint, setCheckpoint] = useState<string | null>(null);
	const [split, setSplit] = useState("test");
	const [maskTest, setMaskTest] = useState(run.protocol.maskTest);
	const [cutoffs, setCutoffs] = useState(run.protocol.cutoffs.map(String));
	const [metrics, setMetrics] = useState(run.protocol.metrics);
	const cutoffsProblem = cutoffProblem(cutoffs);
	const best = run.checkpoints.find((one) => one.isBest) ?? run.checkpoints[0];
	const measure = useMutation({
		mutationFn: () =>
			api.post("/runs/{id}/evaluations", {
				path: { id: run.id },
				body: {
					...(best && { checkpoint: checkpoint ?? best.id }),
					split: split === "valid" ? "valid" : "test",
					maskTest: maskOf(maskTest),
					cutoffs: cutoffs.map(Number),
					metrics,
				},
			}),
		onSuccess: () => client.invalidateQueries({ queryKey: keys.evaluations(run.id) }),
	});
	if (isOpen(run.state) || (!best && !evaluations.data?.length)) return null;
	return (
		<Panel title="Evaluations">
			<Stack gap="sm">
				{best && (
					<Group align="end" gap="xs">
						<Select
							label="Checkpoint"
							size="xs"
							w={150}
							data={run.checkpoints.map(({ id, epoch, isBest }) => ({
								value: id,
								label: `epoch ${epoch}${isBest ? ", best" : ""}`,
							}))}
							value={checkpoint ?? best.id}
							onChange={setCheckpoint}
							allowDeselect={false}
						/>
						<Select
							label="Split"
							size="xs"
							w={110}
							data={["test", "valid"]}
							value={split}
							onChange={(value) => setSplit(value ?? "test")}
							allowDeselect={false}
						/>
						<Select
							label="Masked at test"
							size="xs"
							w={230}
							data={MASKS}
							value={maskTest}
							onChange={(value) => setMaskTest(value ?? "train")}
							allowDeselect={false}
						/>
						<TagsInput
							label="Cut-offs"
							size="xs"
							miw={160}
							value={cutoffs}
							onChange={setCutoffs}
							error={cutoffsProblem}
						/>
						<MetricsField size="xs" value={metrics} onChange={setMetrics} />
						<Button
							size="xs"
							disabled={cutoffsProblem !== null || metricsProblem(metrics) !== null}
							loading={measure.isPending}
							onClick={() => measure.mutate()}
						>
							Evaluate
						</Button>
					</Group>
				)}
				<ProblemAlert error={measure.error} />
				<Loaded query={evaluations}>
					{(items) =>
						items.length === 0 ? (
							<Text size="sm" c="dimmed">
								The run was measured under its own protocol only. Choose another rule above to see what it changes.
							</Text>
						) : (
							<EvaluationTable items={items} run={run} />
						)
					}
				</Loaded>
			</Stack>
		</Panel>
	);
}

/** So many metrics still fit beside each other. */
const WIDE = 8;
/** What the address holds for the users of an evaluation, in place of others. */
const usersOf = ({ id }: Evaluation) => ({ evaluation: id, sort: null, order: null, cursor: null, user: null });

const measured = ({ split, epoch, protocol, datasetId }: Evaluation) =>
	`${split}, epoch ${epoch}${split === "test" ? `, masks ${protocol.maskTest}` : ""}${datasetId ? ", another dataset" : ""}`;

function EvaluationTable({ items, run }: { items: Evaluation[]; run: RunDetail }) {
	const known = useMetricDefinitions();
	const { linkTo } = useAddress();
	const byReading = readingOrder(known);
	const names = [...new Set(items.flatMap((one) => Object.keys(one.metrics ?? {})))].sort((a, b) =>
		byReading(`test.${a}`, `test.${b}`),
	);
	return (
		<DataTable
			label="Evaluations"
			takenAs={`Evaluations of ${run.model}, seed ${run.seed}`}
			scrolls={names.length > WIDE}
			rows={items}
			keyOf={(one) => one.id}
			columns={[
				{ title: "Measured", cell: measured, text: measured },
				{
					title: "State",
					cell: (one) => (
						<>
							<StateBadge state={one.state} />
							{one.error && (
								<Text size="xs" c="red" title={one.error.message}>
									{inWords(one.error).title}
								</Text>
							)}
							{isOpen(one.state) && (
								<CancelButton
									cancel={() => api.post("/evaluations/{id}/cancel", { path: { id: one.id } })}
									shownBy={keys.evaluations(run.id)}
								/>
							)}
						</>
					),
				},
				...names.map((name) => ({
					title: metricTitle(`.${name}`, known),
					numeric: true,
					value: (one: Evaluation) => one.metrics?.[name],
					text: (one: Evaluation) => metric(one.metrics?.[name]),
					cell: (one: Evaluation) => metric(one.metrics?.[name]),
				})),
				{
					title: "Users",
					numeric: true,
					value: (one) => one.users,
					cell: (one) =>
						one.users ? (
							<Anchor component={Link} to={`${linkTo(usersOf(one))}#users`} size="sm" underline="always">
								{count(one.users)}
							</Anchor>
						) : (
							count(one.users)
						),
				},
				{ title: "Time", numeric: true, cell: (one) => duration(one.seconds) },
			]}
		/>
	);
}
