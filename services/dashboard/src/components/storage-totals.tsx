import { Box, Group, SimpleGrid, Text } from "@mantine/core";
import type { DiskTotals } from "@valence/client";
import { cssColourOf } from "../colours";
import { bytes, percent } from "../format";
import { ColourDot } from "./colour-dot";
import { Panel } from "./facts";

const partsOf = (disk: DiskTotals): [name: string, size: number][] => [
	["Datasets", disk.datasets],
	["Runs", disk.runs],
	["Uploads", disk.uploads],
	["Exports", disk.exports],
	["Orphans", disk.orphans],
	["Database", disk.database],
	["Other", disk.removals + disk.temporary + disk.unknown],
];

/** What Valence takes of the disk, part by part, and what is left of it. */
export function StorageTotals({ disk }: { disk: DiskTotals }) {
	const parts = partsOf(disk);
	const sum = parts.reduce((total, [, size]) => total + size, 0);
	const label = parts.map(([name, size]) => `${name} ${bytes(size)}`).join(", ");
	return (
		<Panel title={`${bytes(sum)} in use, ${bytes(disk.free)} free of ${bytes(disk.total)}`}>
			<Group gap={1} h={10} mb="sm" wrap="nowrap" role="img" aria-label={label} className="bar">
				{parts.map(([name, size], index) => (
					<Box
						key={name}
						h="100%"
						style={{ width: `${(size / Math.max(sum, 1)) * 100}%`, background: cssColourOf(index) }}
					/>
				))}
			</Group>
			<SimpleGrid cols={{ base: 2, sm: 4, lg: 7 }} spacing="sm">
				{parts.map(([name, size], index) => (
					<div key={name}>
						<Group gap={6} wrap="nowrap">
							<ColourDot index={index} />
							<Text size="xs" c="dimmed">
								{name}
							</Text>
						</Group>
						<Text size="sm">
							<b>{bytes(size)}</b>{" "}
							<Text span size="xs" c="dimmed">
								{percent(size / Math.max(sum, 1))}
							</Text>
						</Text>
					</div>
				))}
			</SimpleGrid>
		</Panel>
	);
}
