import { Anchor, Stack, Text, Title } from "@mantine/core";
import { type Deployment, Problem, type Recommendations } from "@valence/client";
import { useEffect, useEffectEvent } from "react";
import { Link } from "react-router";
import { useInterests, useList, useUser } from "../serving-queries";
import { steeringFrom } from "../steering";
import { useAddress } from "../use-address";
import { AnsweredBy } from "./answered-by";
import { Loaded } from "./feedback";
import { History } from "./history";
import { Interactions } from "./interactions";
import { Ranking } from "./ranking";
import { SteeredList } from "./steered-list";

interface Props {
	deployment: Deployment;
	user: string;
	/** Once there is something to show of them. */
	onShown: () => void;
}

/** What is recommended to a user of the data, what steers it, and the history behind it. */
export function KnownUser({ deployment, user, onShown }: Props) {
	const deployed = useAddress().search.get("deployment");
	const unasked = useList(deployment, { user }, null);
	// Who is in no dataset may be in the feed, also where the model cannot answer for them.
	const known = useUser(deployment.name, user, deployment.feed !== null).data;
	const isUnanswered = unasked.error instanceof Problem && unasked.error.code === "unknown_user";
	const isShown = unasked.data !== undefined || (known !== undefined && isUnanswered);
	const announce = useEffectEvent(onShown);
	useEffect(() => {
		if (isShown) announce();
	}, [isShown]);
	return (
		<Stack>
			<Anchor
				component={Link}
				to={`/users${deployed === null ? "" : `?${new URLSearchParams({ deployment: deployed })}`}`}
				size="xs"
				c="dimmed"
			>
				← All users
			</Anchor>
			{known && !known.inDataset && (
				<Text size="sm">
					{user} is known by what they did in the feed {deployment.feed} alone.
				</Text>
			)}
			{known && isUnanswered ? (
				<>
					<Text size="sm">
						{deployment.checkpoint.model} cannot answer for somebody who came after its training, or knows none of what
						they have met. The next snapshot, trained and deployed, does.
					</Text>
					<Interactions deployment={deployment} user={user} />
				</>
			) : (
				<Loaded query={unasked}>
					{(answer) =>
						answer.answeredBy === "popular" ? (
							<Stack gap="xs">
								<Title order={3} size="h5" className="breaks">
									Recommended to {user}
								</Title>
								<Text size="sm">{known ? "" : `${user} is not in the data. `}They get what most people like.</Text>
								<AnsweredBy answer={answer} />
								<Ranking label={`Recommended to ${user}`} answer={answer} names={[]} />
								{known && <Interactions deployment={deployment} user={user} />}
							</Stack>
						) : (
							<Profile deployment={deployment} user={user} unasked={answer} />
						)
					}
				</Loaded>
			)}
		</Stack>
	);
}

function Profile({ deployment, user, unasked }: { deployment: Deployment; user: string; unasked: Recommendations }) {
	const { search } = useAddress();
	const steering = steeringFrom(search);
	return (
		<Loaded query={useInterests(deployment.name, user)}>
			{(profile) => (
				<>
					<SteeredList
						deployment={deployment}
						person={{ user }}
						label={`Recommended to ${user}`}
						steering={steering}
						unasked={unasked}
						interests={profile.interests}
					/>
					<History deployment={deployment} profile={profile} steering={steering} />
					<Interactions deployment={deployment} user={user} />
				</>
			)}
		</Loaded>
	);
}
