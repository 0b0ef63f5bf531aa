import { Anchor, Title } from "@mantine/core";
import type { UserDifference } from "@valence/client";
import { Link } from "react-router";
import { signed } from "../findings";
import { metric } from "../format";
import { DataTable } from "./data-table";

interface Props {
	title: string;
	users: UserDifference[];
	name: string;
	against: string;
	linkTo: (user: string) => string;
}

const differenceOf = ({ value, baseline }: UserDifference) =>
	value === null || baseline === null ? null : value - baseline;

/** Those furthest on one side, each one click from both of their lists. */
export const UserDifferences = ({ title, users, name, against, linkTo }: Props) => (
	<div>
		<Title order={4} size="h6" mb={4}>
			{title}
		</Title>
		<DataTable
			label={title}
			rows={users}
			keyOf={({ user }) => user}
			pageSize={10}
			scrolls
			takenAs={`${title}: ${name} against ${against}`}
			columns={[
				{
					title: "User",
					lead: true,
					text: ({ user }) => user,
					cell: ({ user }) => (
						<Anchor component={Link} to={linkTo(user)} size="sm" underline="always" className="breaks">
							{user}
						</Anchor>
					),
				},
				{
					title: name,
					numeric: true,
					value: ({ value }) => value,
					text: ({ value }) => metric(value),
					cell: ({ value }) => metric(value),
				},
				{
					title: against,
					numeric: true,
					value: ({ baseline }) => baseline,
					text: ({ baseline }) => metric(baseline),
					cell: ({ baseline }) => metric(baseline),
				},
				{
					title: "Difference",
					numeric: true,
					value: differenceOf,
					text: (one) => signed(differenceOf(one)),
					cell: (one) => signed(differenceOf(one)),
				},
			]}
		/>
	</div>
);
