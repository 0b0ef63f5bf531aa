import type { Deployment, RefreshSpec } from "@valence/client";
import { useFeeds } from "../feed-queries";
import { useDataset, useModels, useRun } from "../queries";
import { textsOfDeployed, textsOfSpec } from "../refreshing";
import { EmptyState, Loaded } from "./feedback";
import { RefreshForm } from "./refresh-form";

/** What every candidate is measured against. */
const BASELINE = "popularity";

interface Props {
	deployment: Deployment;
	/** null: there is no rule yet, and it begins as what is deployed. */
	spec: RefreshSpec | null;
	onDone: () => void;
}

/** The form of a rule, once all that it is filled with is known. */
export function RefreshEditor({ deployment, spec, onDone }: Props) {
	const models = useModels();
	const feeds = useFeeds();
	const run = useRun(deployment.checkpoint.runId);
	const dataset = useDataset(deployment.checkpoint.dataset.id);
	return (
		<Loaded query={models}>
			{(all) => (
				<Loaded query={feeds}>
					{(found) => (
						<Loaded query={run}>
							{(trained) => {
								const names = found.map(({ name }) => name);
								if (names.length === 0)
									return (
										<EmptyState title="There is no feed yet">
											A refresh trains on what a feed holds. The page Feeds makes one.
										</EmptyState>
									);
								const catalogue = all.filter(({ name }) => name !== BASELINE);
								const usual = catalogue.find(({ name }) => name === "valid") ?? catalogue[0];
								const now = catalogue.find(({ name }) => name === (spec?.model ?? trained.model)) ?? usual;
								if (!now || dataset.isPending) return null;
								const own = deployment.feed ?? dataset.data?.feed?.name ?? "";
								const feed = names.includes(own) ? own : (names[0] ?? "");
								const { properties } = now.configSchema;
								return (
									<RefreshForm
										name={deployment.name}
										catalogue={catalogue}
										feeds={names}
										given={spec ? textsOfSpec(spec, properties) : textsOfDeployed(feed, now.name, trained, properties)}
										isNew={spec === null}
										onDone={onDone}
									/>
								);
							}}
						</Loaded>
					)}
				</Loaded>
			)}
		</Loaded>
	);
}
