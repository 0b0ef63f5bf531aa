import { Select, Stack, Tabs } from "@mantine/core";
import { Navigate, useNavigate } from "react-router";
import { changed } from "../address";
import { EmptyState, Loaded } from "../components/feedback";
import { Items } from "../components/items";
import { KnownUsers } from "../components/known-users";
import { NewUser } from "../components/new-user";
import { NothingDeployed } from "../components/nothing-deployed";
import { PageHeader } from "../components/page-header";
import { userPath } from "../links";
import { useDeployments } from "../serving-queries";
import { useAddress } from "../use-address";

/** Everything shown is in the address: view, deployment, search, who is shown and how their list is steered. */
export function UsersPage() {
	const { search, change } = useAddress();
	const navigate = useNavigate();
	const deployments = useDeployments();
	const names = deployments.data?.map(({ name }) => name) ?? [];
	const name = search.get("deployment") ?? (names.includes("default") ? "default" : names[0]);
	const view = search.get("view") ?? "known";
	const openView = (chosen: string | null) => {
		const kept = changed(new URLSearchParams(), { deployment: search.get("deployment"), view: chosen });
		navigate({ pathname: "/users", search: kept.toString() });
	};
	const inSearch = search.get("id");
	const path = inSearch === null ? null : userPath(inSearch, search);
	// Addresses of before, which had the id among the parameters.
	if (path?.startsWith("/users/")) return <Navigate to={path} replace />;
	return (
		<Stack>
			<PageHeader
				title="Users"
				details="What is recommended to whom, which interest it serves, and how they can steer it."
				actions={
					names.length > 1 && (
						<Select
							aria-label="Deployment"
							size="xs"
							data={names}
							value={name}
							onChange={(chosen) => change({ deployment: chosen, weights: null, cursor: null })}
							allowDeselect={false}
						/>
					)
				}
			/>
			<Loaded query={deployments}>
				{(all) => {
					if (all.length === 0) return <NothingDeployed />;
					const deployment = all.find((one) => one.name === name);
					if (!deployment)
						return <EmptyState title={`Nothing is deployed as ${name}`}>Choose another deployment above.</EmptyState>;
					return (
						<Tabs value={view} onChange={openView} keepMounted={false}>
							<Tabs.List>
								<Tabs.Tab value="known">Known users</Tabs.Tab>
								<Tabs.Tab value="new">New user</Tabs.Tab>
								<Tabs.Tab value="items">Items</Tabs.Tab>
							</Tabs.List>
							<Tabs.Panel value="known" pt="md">
								<KnownUsers deployment={deployment} />
							</Tabs.Panel>
							<Tabs.Panel value="new" pt="md">
								<NewUser deployment={deployment} />
							</Tabs.Panel>
							<Tabs.Panel value="items" pt="md">
								<Items deployment={deployment} />
							</Tabs.Panel>
						</Tabs>
					);
				}}
			</Loaded>
		</Stack>
	);
}
