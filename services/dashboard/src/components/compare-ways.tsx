import { Button, Group } from "@mantine/core";
import { Link } from "react-router";

const WAYS = [
	["/compare", "Runs side by side"],
	["/comparisons", "Tested differences"],
] as const;

/** The two ways to compare: look at curves and numbers, or test the differences user by user. */
export const CompareWays = ({ now }: { now: (typeof WAYS)[number][0] }) => (
	<Group component="nav" gap={4} aria-label="Ways to compare">
		{WAYS.map(([path, label]) => (
			<Button
				key={path}
				size="compact-sm"
				variant={path === now ? "light" : "subtle"}
				component={Link}
				to={path}
				aria-current={path === now ? "page" : undefined}
			>
				{label}
			</Button>
		))}
	</Group>
);
