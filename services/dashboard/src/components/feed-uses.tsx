import { Anchor, Group, Text } from "@mantine/core";
import type { Dataset, Deployment } from "@valence/client";
import { Link } from "react-router";
import { when } from "../format";
import { datasetPath } from "../links";
import { useDatasets } from "../queries";
import { useDeployments } from "../serving-queries";
import { Facts, Panel } from "./facts";
import { Loaded } from "./feedback";

/** The datasets taken of a feed, newest first. */
export const useSnapshots = (name: string): Dataset[] =>
	(useDatasets().data ?? []).filter(({ feed }) => feed?.name === name);

/** Where a feed goes: the deployments that answer with it, and the datasets taken of it. */
export function FeedUses({ name }: { name: string }) {
	const snapshots = useSnapshots(name);
	return (
		<Panel title="What it serves">
			<Loaded query={useDeployments()}>
				{(deployments) => {
					const serving = deployments.filter(({ feed }) => feed === name);
					return (
						<Facts
							rows={[
								["Served as", <ServedAs key={name} deployments={serving} />],
								[
									"Snapshots",
									snapshots.length === 0
										? "none yet"
										: snapshots.map((one) => (
												<div key={one.id}>
													<Anchor
														component={Link}
														to={datasetPath(one.id)}
														size="sm"
														underline="always"
														className="breaks"
													>
														{one.name}
													</Anchor>
													{one.feed && (
														<Text span size="xs" c="dimmed">
															{" "}
															{when(one.feed.at)}
														</Text>
													)}
												</div>
											)),
								],
							]}
						/>
					);
				}}
			</Loaded>
		</Panel>
	);
}

const ServedAs = ({ deployments }: { deployments: Deployment[] }) =>
	deployments.length === 0 ? (
		<>
			nothing;{" "}
			<Anchor component={Link} to="/deployments" size="sm" underline="always">
				choose it for a deployment
			</Anchor>
		</>
	) : (
		<Group gap="4px 12px" justify="end">
			{deployments.map(({ name, checkpoint }) => (
				<Anchor key={name} component={Link} to="/deployments" size="sm" underline="always" className="breaks">
					{name}, {checkpoint.model}
				</Anchor>
			))}
		</Group>
	);
