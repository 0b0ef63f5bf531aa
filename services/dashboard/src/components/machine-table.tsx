import { Anchor, Badge, Button, Text } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { Machine } from "@valence/client";
import { Link } from "react-router";
import { api } from "../api";
import { bytes, when } from "../format";
import { MACHINES } from "../machine-queries";
import { runsOf, STATE_COLOURS, workLabel, workPath } from "../machines";
import { ConfirmButton } from "./confirm-button";
import { DataTable } from "./data-table";
import { ProblemAlert } from "./feedback";

export const MachineTable = ({ machines }: { machines: Machine[] }) => (
	<DataTable
		label="Machines"
		rows={machines}
		keyOf={({ name }) => name}
		columns={[
			{
				title: "Machine",
				lead: true,
				value: ({ name }) => name,
				cell: ({ name, versions }) => (
					<>
						<span className="breaks">{name}</span>
						<Text size="xs" c="dimmed" component="div">
							{`Valence ${versions.valence}, torch ${versions.torch}`}
						</Text>
					</>
				),
			},
			{ title: "Class", value: (machine) => machine.class, cell: (machine) => machine.class },
			{
				title: "State",
				value: ({ state }) => state,
				cell: ({ state }) => (
					<Badge
						className="state"
						color={STATE_COLOURS[state]}
						variant="dot"
						size="sm"
						miw="max-content"
						tt="none"
						fw={500}
					>
						{state}
					</Badge>
				),
			},
			{
				title: "Devices",
				cell: ({ devices }) =>
					devices.map(({ kind, name, memoryBytes }, place) => (
						// biome-ignore lint/suspicious/noArrayIndexKey: two of a kind have one name, and their order stays
						<div key={place}>
							{name}
							{kind === "cuda" && `, ${bytes(memoryBytes)}`}
						</div>
					)),
			},
			{
				title: "Memory",
				numeric: true,
				value: ({ memoryBytes }) => memoryBytes,
				cell: ({ memoryBytes }) => <span className="together">{bytes(memoryBytes)}</span>,
			},
			{
				title: "Runs",
				value: ({ work }) => work.length,
				cell: (machine) => <span className="together">{runsOf(machine)}</span>,
			},
			{
				title: "Works at",
				cell: ({ work }) => (work.length === 0 ? "–" : work.map((one) => <Work key={one.id} work={one} />)),
			},
			{
				title: "Last heard",
				value: ({ heardAt }) => heardAt,
				cell: ({ heardAt }) => <span className="together">{when(heardAt)}</span>,
			},
			{ title: "Drain", bare: true, numeric: true, cell: (machine) => <Drain machine={machine} /> },
		]}
	/>
);

function Work({ work }: { work: Machine["work"][number] }) {
	const path = workPath(work);
	return (
		<div>
			{path === null ? (
				workLabel(work)
			) : (
				<Anchor component={Link} to={path} size="sm">
					{workLabel(work)}
				</Anchor>
			)}
		</div>
	);
}

function Drain({ machine: { name, drainingSince } }: { machine: Machine }) {
	const client = useQueryClient();
	const isDraining = drainingSince !== null;
	const change = useMutation({
		mutationFn: () =>
			isDraining
				? api.post("/machines/{name}/resume", { path: { name } })
				: api.post("/machines/{name}/drain", { path: { name } }),
		onSettled: () => client.invalidateQueries({ queryKey: MACHINES }),
	});
	return (
		<>
			{isDraining ? (
				<Button size="compact-xs" variant="subtle" loading={change.isPending} onClick={() => change.mutate()}>
					Resume
				</Button>
			) : (
				<ConfirmButton
					size="compact-xs"
					color="yellow"
					variant="subtle"
					label="Drain"
					question={`Drain ${name}?`}
					consequence="It takes no more work. Its runs go on elsewhere after their next epoch; what else it does it ends."
					confirmColor="yellow"
					loading={change.isPending}
					onConfirm={() => change.mutate()}
				/>
			)}
			<ProblemAlert error={change.error} />
		</>
	);
}
