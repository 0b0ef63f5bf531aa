import { Anchor } from "@mantine/core";
import { Link } from "react-router";
import { EmptyState } from "./feedback";

/** In the place of what needs a deployment, where there is none. */
export const NothingDeployed = () => (
	<EmptyState title="Nothing is deployed">
		Open a finished run of an{" "}
		<Anchor component={Link} to="/experiments" underline="always">
			experiment
		</Anchor>{" "}
		and press Deploy.
	</EmptyState>
);
