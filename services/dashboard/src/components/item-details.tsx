import { Anchor, Group, Stack, Text, Title } from "@mantine/core";
import type { Deployment } from "@valence/client";
import { Link } from "react-router";
import { count } from "../format";
import { titleOf } from "../interests";
import { useItem, useSimilar } from "../serving-queries";
import { useAddress } from "../use-address";
import { DataTable } from "./data-table";
import { Loaded } from "./feedback";
import { ItemId, ItemLink } from "./item-name";
import { Tags } from "./tags";

/** What is known of an item, and the items that the model holds to be like it. */
export function ItemDetails({ deployment, id }: { deployment: Deployment; id: string }) {
	const { linkTo } = useAddress();
	return (
		<Loaded query={useItem(deployment.name, id)}>
			{(item) => (
				<Stack>
					<div>
						<Anchor component={Link} to={linkTo({ item: null })} size="xs" c="dimmed">
							← All items
						</Anchor>
						<Group gap="sm" align="baseline">
							<Title order={3} size="h5" className="breaks">
								{titleOf(item)}
							</Title>
							<ItemId item={item} />
						</Group>
						<Text size="sm" c="dimmed" mb={4}>
							{count(item.popularity)} {item.popularity === 1 ? "interaction" : "interactions"}
						</Text>
						<Tags of={item.tags} />
					</div>
					{deployment.capabilities.includes("similar") ? (
						<SimilarItems deployment={deployment.name} id={id} name={titleOf(item)} />
					) : (
						<Text size="sm">{deployment.checkpoint.model} does not tell which items are alike.</Text>
					)}
				</Stack>
			)}
		</Loaded>
	);
}

function SimilarItems({ deployment, id, name }: { deployment: string; id: string; name: string }) {
	const { linkTo } = useAddress();
	return (
		<Loaded query={useSimilar(deployment, id)}>
			{({ items }) => (
				<DataTable
					label={`Items like ${name}`}
					rows={items.map((one, index) => ({ ...one, rank: index + 1 }))}
					keyOf={(one) => one.id}
					columns={[
						{ title: "Rank", numeric: true, width: 56, cell: (one) => one.rank },
						{
							title: "Like it",
							lead: true,
							cell: (one) => <ItemLink item={one} to={linkTo({ item: one.id })} />,
						},
						{ title: "Score", numeric: true, cell: (one) => one.score.toFixed(4) },
					]}
				/>
			)}
		</Loaded>
	);
}
