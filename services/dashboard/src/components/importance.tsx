import { Group, Text } from "@mantine/core";
import type { Search } from "@valence/client";
import { percent } from "../format";
import { useImportance } from "../search-queries";
import { Panel } from "./facts";
import { Loaded } from "./feedback";

/** How much of what the value depends on is each field's. */
export function Importance({ search: { id, isOver } }: { search: Pick<Search, "id" | "isOver"> }) {
	return (
		<Panel title="What the value depends on">
			<Loaded query={useImportance(id, isOver)}>
				{({ fields, complete, leastComplete }) =>
					fields.length === 0 ? (
						<Text size="sm" c="dimmed">
							{complete < leastComplete
								? `It is told from ${leastComplete} complete trials on; there ${complete === 1 ? "is" : "are"} ${complete}.`
								: "All complete trials have the same value: it depends on none of the fields."}
						</Text>
					) : (
						<>
							<dl className="weights">
								{fields.map(({ field, share }) => (
									<Group key={field} gap="xs" wrap="nowrap">
										<Text size="sm" component="dt" className="breaks">
											{field}
										</Text>
										<div className="weight" aria-hidden>
											<div style={{ width: `${share * 100}%` }} />
										</div>
										<Text size="sm" component="dd" className="together" m={0} ta="right">
											{percent(share)}
										</Text>
									</Group>
								))}
							</dl>
							<Text size="xs" c="dimmed" mt="xs">
								By {complete} complete trials (PED-ANOVA): shares of what sets the better trials apart.
							</Text>
						</>
					)
				}
			</Loaded>
		</Panel>
	);
}
