import { Select, Stack, Tabs } from "@mantine/core";
import { useState } from "react";
import { Loaded } from "../components/feedback";
import { KnownUser } from "../components/known-user";
import { NewUser } from "../components/new-user";
import { NothingDeployed } from "../components/nothing-deployed";
import { PageHeader } from "../components/page-header";
import { SimilarItems } from "../components/similar-items";
import { useDeployments } from "../queries";

export function UsersPage() {
	const deployments = useDeployments();
	const [chosen, setChosen] = useState<string | null>(null);
	const names = deployments.data?.map((one) => one.name) ?? [];
	const deployment = chosen ?? (names.includes("default") ? "default" : names[0]) ?? "default";
	return (
		<Stack>
			<PageHeader
				title="Users"
				details="What is recommended to whom, and which interest it serves."
				actions={
					names.length > 1 && (
						<Select
							aria-label="Deployment"
							size="xs"
							data={names}
							value={deployment}
							onChange={setChosen}
							allowDeselect={false}
						/>
					)
				}
			/>
			<Loaded query={deployments}>
				{() =>
					names.length === 0 ? (
						<NothingDeployed />
					) : (
						<Tabs defaultValue="known" keepMounted={false}>
							<Tabs.List>
								<Tabs.Tab value="known">Known user</Tabs.Tab>
								<Tabs.Tab value="unseen">New user</Tabs.Tab>
								<Tabs.Tab value="similar">Similar items</Tabs.Tab>
							</Tabs.List>
							<Tabs.Panel value="known" pt="md">
								<KnownUser deployment={deployment} />
							</Tabs.Panel>
							<Tabs.Panel value="unseen" pt="md">
								<NewUser deployment={deployment} />
							</Tabs.Panel>
							<Tabs.Panel value="similar" pt="md">
								<SimilarItems deployment={deployment} />
							</Tabs.Panel>
						</Tabs>
					)
				}
			</Loaded>
		</Stack>
	);
}
