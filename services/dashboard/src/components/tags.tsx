import { Badge, Group } from "@mantine/core";
import { Link } from "react-router";
import { useAddress } from "../use-address";

/** Each leads to the items that have it. */
export function Tags({ of }: { of: string[] }) {
	const { linkTo } = useAddress();
	return (
		<Group gap={4}>
			{of.map((tag) => (
				<Badge
					key={tag}
					component={Link}
					to={linkTo({ tag, item: null, q: null, cursor: null })}
					className="link"
					variant="light"
					color="gray"
					size="sm"
					tt="none"
					fw={500}
				>
					{tag}
				</Badge>
			))}
		</Group>
	);
}
