import { Badge, Group } from "@mantine/core";

const MEANINGS: Record<string, string> = {
	fold_in: "Answers for people who were not in the training data",
	interests: "Tells several interests of a user apart",
	linear: "Also recommends what goes with the items of a history, beside its interests",
	similar: "Says which items are alike, and which of a history are behind a recommendation",
	closed_form: "Solved at once, without epochs",
	graph: "Works on the graph of users and items",
	data_parallel: "Can be trained in several processes, with a GPU each or sharing the cores",
};

/** What a model can do beyond ranking. */
export const Capabilities = ({ of }: { of: string[] }) => (
	<Group gap={4} component="span">
		{of.map((one) => (
			<Badge key={one} component="span" variant="light" color="gray" size="sm" tt="none" fw={500} title={MEANINGS[one]}>
				{one.replace("_", "-")}
			</Badge>
		))}
	</Group>
);
