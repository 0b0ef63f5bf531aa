import { Badge, Checkbox, Text, Title } from "@mantine/core";
import type { Deployment, HistoryItem, UserInterests } from "@valence/client";
import { count } from "../format";
import { namesOf, titleOf } from "../interests";
import { useTitled } from "../serving-queries";
import { changesOf, MOST_IDS, type Steering } from "../steering";
import { useAddress } from "../use-address";
import { DataTable } from "./data-table";
import { ItemName } from "./item-name";
import { ItemsField } from "./items-field";
import { ShareBar } from "./share-bar";

interface Props {
	deployment: Deployment;
	profile: UserInterests;
	steering: Steering;
}

/** What a user's list was made from; and what if something of it were not there, or something else were. */
export function History({ deployment, profile: { interests, history, historyTotal }, steering }: Props) {
	const { change } = useAddress();
	const names = namesOf(interests);
	const { without, with: added } = steering;
	const picked = useTitled(deployment.name, added);
	const canChange = deployment.capabilities.includes("fold_in");
	return (
		<>
			<Title order={3} size="h5">
				History, {count(historyTotal)} {historyTotal === 1 ? "item" : "items"}
			</Title>
			{canChange ? (
				<>
					<Text size="sm" c="dimmed">
						What if? Untick what should not count, and add what should. Nothing of it is kept.
					</Text>
					<ItemsField
						deployment={deployment.name}
						label="Today's basket"
						picked={picked}
						most={MOST_IDS}
						onChange={(ids) => change(changesOf({ with: ids }))}
					/>
				</>
			) : (
				<Text size="sm" c="dimmed">
					{deployment.checkpoint.model} cannot answer for another history than this.
				</Text>
			)}
			<DataTable
				label="History"
				rows={history}
				keyOf={(item) => item.id}
				pageSize={25}
				columns={[
					...(canChange
						? [
								{
									title: "Counts",
									width: 64,
									cell: (item: HistoryItem) => (
										<Checkbox
											size="xs"
											aria-label={`Count ${titleOf(item)}`}
											checked={!without.includes(item.id)}
											disabled={without.length >= MOST_IDS && !without.includes(item.id)}
											onChange={(event) =>
												change(
													changesOf({
														without: event.currentTarget.checked
															? without.filter((id) => id !== item.id)
															: [...without, item.id],
													}),
												)
											}
										/>
									),
								},
							]
						: []),
					{
						title: "Item",
						lead: true,
						cell: (item) => (
							<span className={without.includes(item.id) ? "left-out" : undefined}>
								<ItemName item={item} />{" "}
								{item.live && (
									<Badge size="xs" variant="light" color="teal" tt="none">
										live
									</Badge>
								)}
							</span>
						),
					},
					...(interests.length > 0
						? [
								{
									title: "Forms",
									width: 140,
									cell: (item: HistoryItem) => <ShareBar shares={item.interestShares} names={names} />,
								},
							]
						: []),
				]}
			/>
		</>
	);
}
