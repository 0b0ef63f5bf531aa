import { Anchor, Stack } from "@mantine/core";
import { Link } from "react-router";
import { DeploymentPanel } from "../components/deployment-panel";
import { EmptyState, Loaded } from "../components/feedback";
import { PageHeader } from "../components/page-header";
import { useDeployments } from "../queries";

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
						<EmptyState title="Nothing is deployed">
							Open a finished run of an{" "}
							<Anchor component={Link} to="/experiments" underline="always">
								experiment
							</Anchor>{" "}
							and press Deploy.
						</EmptyState>
					) : (
						deployments.map((deployment) => <DeploymentPanel key={deployment.name} deployment={deployment} />)
					)
				}
			</Loaded>
		</Stack>
	);
}
