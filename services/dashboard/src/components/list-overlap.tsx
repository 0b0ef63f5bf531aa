import { Progress, Stack, Text } from "@mantine/core";
import type { OverlapRow } from "../comparison-view";
import { percent } from "../format";
import { Panel } from "./facts";

/** How alike the lists are: of two models, and of two seeds of one, which is what chance alone changes. */
export const ListOverlapPanel = ({ rows, depth }: { rows: OverlapRow[]; depth: number }) => (
	<Panel title={`Of the first ${depth} items, how many both lists have`}>
		<Stack gap={8}>
			{rows.map(({ label, part }) => (
				<div key={label}>
					<Text size="sm" className="breaks">
						{label}: {part === null ? "only one seed" : percent(part)}
					</Text>
					<Progress value={100 * (part ?? 0)} size="sm" aria-label={label} />
				</div>
			))}
		</Stack>
	</Panel>
);
