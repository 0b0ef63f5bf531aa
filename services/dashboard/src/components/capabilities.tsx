import { Badge, Group } from "@mantine/core";

const MEANINGS: Record<string, string> = {
	fold_in: "Answers for people who were not in the training data",
	interests: "Tells several interests of a user apart",
	similar: "Says which items are alike, and which of a history are behind a recommendation",
	closed_form: "Solved at once, without epochs",
	graph: "Works on the graph of users and items",
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
