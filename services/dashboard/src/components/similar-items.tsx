import { Stack } from "@mantine/core";
import { useSearchParams } from "react-router";
import { useSimilar } from "../queries";
import { DataTable } from "./data-table";
import { Loaded } from "./feedback";
import { Hint, IdForm } from "./id-form";
import { ItemName } from "./ranking";

/** The items whose vectors point the way of one item's. */
export function SimilarItems({ deployment }: { deployment: string }) {
	const [search] = useSearchParams();
	const item = search.get("item") ?? "";
	const similar = useSimilar(item, deployment);
	return (
		<Stack>
			<IdForm label="Item id" name="item" />
			{item === "" ? (
				<Hint>Type an item's id: the items whose vectors point the same way are listed.</Hint>
			) : (
				<Loaded query={similar}>
					{({ items }) => (
						<DataTable
							label={`Items like ${item}`}
							rows={items.map((one, index) => ({ ...one, rank: index + 1 }))}
							keyOf={(one) => one.id}
							columns={[
								{ title: "Rank", numeric: true, width: 56, cell: (one) => one.rank },
								{ title: "Item", lead: true, cell: (one) => <ItemName {...one} /> },
								{ title: "Score", numeric: true, cell: (one) => one.score.toFixed(4) },
							]}
						/>
					)}
				</Loaded>
			)}
		</Stack>
	);
}
