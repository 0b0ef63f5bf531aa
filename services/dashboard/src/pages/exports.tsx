import { Anchor, Select, Stack } from "@mantine/core";
import { Link } from "react-router";
import { NewestFirstPages } from "../components/cursor-pages";
import { ExportForm } from "../components/export-form";
import { ExportTable } from "../components/export-table";
import { Panel } from "../components/facts";
import { EmptyState, Loaded } from "../components/feedback";
import { NothingDeployed } from "../components/nothing-deployed";
import { PageHeader } from "../components/page-header";
import { useExports } from "../queries";
import { useDeployments } from "../serving-queries";
import { useAddress } from "../use-address";

/** Of all deployments, or of the one that the address names. */
export function ExportsPage() {
	const { search, change } = useAddress();
	const deployments = useDeployments();
	const exports = useExports(search);
	const named = search.get("deployment");
	const choose = (deployment: string | null) => change({ deployment, cursor: null });
	return (
		<Stack>
			<PageHeader
				title="Exports"
				parent={{ to: "/deployments", label: "Deployments" }}
				details="Recommendations of many users as one file. A file is kept until its export is deleted."
			/>
			<Loaded query={deployments}>
				{(all) => {
					const chosen = all.find(({ name }) => name === named) ?? all.find(({ name }) => name === "default") ?? all[0];
					return chosen ? (
						<Panel title="New export">
							<ExportForm deployments={all} deployment={chosen.name} onDeployment={choose} />
						</Panel>
					) : (
						<NothingDeployed />
					);
				}}
			</Loaded>
			<Loaded query={exports}>
				{({ items, nextCursor }) =>
					items.length === 0 && !search.has("cursor") ? (
						<EmptyState title={named ? `No export of ${named} yet` : "No export yet"}>
							{named ? (
								<Anchor component={Link} to="/exports">
									Show those of all deployments
								</Anchor>
							) : (
								"What is exported above appears here."
							)}
						</EmptyState>
					) : (
						<>
							<Select
								aria-label="Any deployment"
								placeholder="Any deployment"
								size="xs"
								w={200}
								data={[...new Set([...(deployments.data ?? []).map(({ name }) => name), ...(named ? [named] : [])])]}
								value={named}
								onChange={choose}
								clearable
							/>
							<ExportTable exports={items} />
							<NewestFirstPages nextCursor={nextCursor} />
						</>
					)
				}
			</Loaded>
		</Stack>
	);
}
