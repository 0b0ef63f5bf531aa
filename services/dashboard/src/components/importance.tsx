import { Group, Text } from "@mantine/core";
import { type Search, untoldSentence } from "@valence/client";
import { percent } from "../format";
import { useImportance } from "../search-queries";
import { Panel } from "./facts";
import { Loaded } from "./feedback";

/** How much of what the value depends on is each field's. */
export function Importance({ search }: { search: Pick<Search, "id" | "isOver" | "counts"> }) {
	return (
		<Panel title="What the value depends on">
			<Loaded query={useImportance(search.id, search.isOver)}>
				{(importance) =>
					importance.fields.length === 0 ? (
						<Text size="sm" c="dimmed">
							{untoldSentence(importance, search)}
						</Text>
					) : (
						<>
							<dl className="weights">
								{importance.fields.map(({ field, share }) => (
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
								By {importance.complete} complete trials (PED-ANOVA): shares of what sets the better trials apart.
							</Text>
						</>
					)
				}
			</Loaded>
		</Panel>
	);
}
