import { Group, Switch, Table, Text, Title } from "@mantine/core";
import { plain, type RunDetail } from "@valence/client";
import { useState } from "react";
import type { Compared } from "../compared";
import { differingFields } from "../config-fields";
import { ColourDot } from "./colour-dot";

const OF_RUNS: [string, (run: RunDetail) => string][] = [
	["Dataset", (run) => run.dataset.name],
	["Test masks", (run) => run.protocol.maskTest],
	["Cut-offs", (run) => run.protocol.cutoffs.join(", ")],
	["Protocol", (run) => run.protocol.hash.slice(0, 10)],
	["Model", (run) => run.model],
	["Seed", (run) => String(run.seed)],
	["Processes", (run) => String(run.processes)],
];

/** A column a run, a row a field: those that differ are marked, the rest is shown on demand. */
export function ConfigDifferences({ compared }: { compared: Compared[] }) {
	const [isWhole, setWhole] = useState(false);
	const runs = compared.map(({ run }) => run);
	const differing = differingFields(runs);
	const fields = [...new Set(runs.flatMap((run) => Object.keys(run.config)))];
	const rows = [
		...OF_RUNS.map(([name, of]) => ({ name, cells: runs.map(of), differs: new Set(runs.map(of)).size > 1 })),
		...fields.map((name) => ({
			name,
			cells: runs.map((run) => (name in run.config ? plain(run.config[name]) : "–")),
			differs: differing.has(name),
		})),
	].sort((a, b) => Number(b.differs) - Number(a.differs));
	const shown = isWhole ? rows : rows.filter(({ differs }) => differs);
	return (
		<>
			<Group justify="space-between">
				<Title order={3} size="h5">
					Configuration
				</Title>
				<Switch
					size="xs"
					label="Also what is the same"
					checked={isWhole}
					onChange={(event) => setWhole(event.currentTarget.checked)}
				/>
			</Group>
			{shown.length === 0 ? (
				<Text size="sm" c="dimmed">
					{runs.length > 1 ? "The runs differ in nothing." : "Choose a second run to see what differs."}
				</Text>
			) : (
				// biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard
				<section className="wide" tabIndex={0} aria-label="Configuration, scrolls sideways">
					<Table className="held" miw={160 + 110 * runs.length} aria-label="Configuration">
						<Table.Thead>
							<Table.Tr>
								<Table.Th>Field</Table.Th>
								{compared.map(({ run, label }, index) => (
									<Table.Th key={run.id} className="th run">
										<ColourDot index={index} /> {label}
									</Table.Th>
								))}
							</Table.Tr>
						</Table.Thead>
						<Table.Tbody>
							{shown.map(({ name, cells, differs }) => (
								<Table.Tr key={name} className={differs ? "differs" : undefined}>
									<Table.Th scope="row">
										{name} {differs && <span title="The runs differ">≠</span>}
									</Table.Th>
									{cells.map((cell, index) => (
										<Table.Td key={runs[index]?.id}>{cell}</Table.Td>
									))}
								</Table.Tr>
							))}
						</Table.Tbody>
					</Table>
				</section>
			)}
		</>
	);
}
