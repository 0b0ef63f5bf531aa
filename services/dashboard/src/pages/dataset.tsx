import { Stack } from "@mantine/core";
import { useNavigate, useParams } from "react-router";
import { DatasetDetails } from "../components/dataset-details";
import { Loaded, StateBadge } from "../components/feedback";
import { PageHeader } from "../components/page-header";
import { when } from "../format";
import { datasetPath } from "../links";
import { useDataset } from "../queries";

export function DatasetPage() {
	const { id = "" } = useParams();
	const navigate = useNavigate();
	return (
		<Loaded query={useDataset(id)}>
			{(dataset) => (
				<Stack>
					<PageHeader
						title={dataset.name}
						parent={{ to: "/datasets", label: "Datasets" }}
						badge={<StateBadge state={dataset.state} />}
						details={when(dataset.createdAt)}
					/>
					<DatasetDetails
						dataset={dataset}
						onImported={(one) => navigate(datasetPath(one.id))}
						onDeleted={() => navigate("/datasets")}
					/>
				</Stack>
			)}
		</Loaded>
	);
}
