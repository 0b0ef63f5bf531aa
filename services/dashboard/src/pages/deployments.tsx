import { Stack } from "@mantine/core";
import { DeploymentPanel } from "../components/deployment-panel";
import { Loaded } from "../components/feedback";
import { NothingDeployed } from "../components/nothing-deployed";
import { PageHeader } from "../components/page-header";
import { useDeployments } from "../serving-queries";

export function DeploymentsPage() {
	return (
		<Stack>
			<PageHeader
				title="Deployments"
				details="Names under which checkpoints are served, and what they served before."
			/>
			<Loaded query={useDeployments()}>
				{(deployments) =>
					deployments.length === 0 ? (
						<NothingDeployed />
					) : (
						deployments.map((deployment) => <DeploymentPanel key={deployment.name} deployment={deployment} />)
					)
				}
			</Loaded>
		</Stack>
	);
}
