import { Stack, Title } from "@mantine/core";
import { useSearchParams } from "react-router";
import { useInterests, useRecommendations } from "../queries";
import { Loaded } from "./feedback";
import { Hint, IdForm } from "./id-form";
import { Interests } from "./interests";
import { Ranking } from "./ranking";

/** What is recommended to a user of the dataset, and the interests and history behind it. */
export function KnownUser({ deployment }: { deployment: string }) {
	const [search] = useSearchParams();
	const user = search.get("id") ?? "";
	const recommendations = useRecommendations(user, deployment);
	const interests = useInterests(user, deployment);
	const titles = new Map((interests.data?.history ?? []).flatMap(({ id, title }) => (title ? [[id, title]] : [])));
	return (
		<Stack>
			<IdForm label="User id" name="id" />
			{user === "" ? (
				<Hint>Type an id as it stands in the data that was uploaded: user-0042 in the sample.</Hint>
			) : (
				<>
					<Loaded query={recommendations}>
						{(answer) => (
							<>
								<Title order={3} size="h5" className="breaks">
									Recommended to {user}
								</Title>
								<Ranking label={`Recommended to ${user}`} answer={answer} titles={titles} />
							</>
						)}
					</Loaded>
					{recommendations.data && <Loaded query={interests}>{(answer) => <Interests answer={answer} />}</Loaded>}
				</>
			)}
		</Stack>
	);
}
