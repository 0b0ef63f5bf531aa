import { SimpleGrid, Stack, Text, Title } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import type { Deployment, Interest, Recommendations } from "@valence/client";
import { useRef } from "react";
import { linearShareOf, nameAt, namesOf } from "../interests";
import { type Person, useList } from "../serving-queries";
import { bodyOf, changesOf, filled, isBent, isSilent, type Steering, weighed } from "../steering";
import { useAddress } from "../use-address";
import { InterestCard } from "./interest-card";
import { KeepSteering } from "./keep-steering";
import { KeptSteering } from "./kept-steering";
import { LinearCard } from "./linear-card";
import { ListView } from "./list-view";
import { SEARCH_MS } from "./search-field";
import { SteeringBar } from "./steering-bar";
import { WeightControl } from "./weight-control";

interface Props {
	deployment: Deployment;
	person: Person;
	label: string;
	/** What the address asks of the list. */
	steering: Steering;
	/** What they get unasked, with what is kept for them. */
	unasked: Recommendations;
	interests: Interest[];
}

/** A person's interests, what steers them, and the list that follows at once. */
export function SteeredList({ deployment, person, label, steering, unasked, interests }: Props) {
	const { change } = useAddress();
	const top = useRef<HTMLHeadingElement>(null);
	/** Of a guest nothing is kept. */
	const user = "user" in person ? person.user : null;
	const names = namesOf(interests);
	// As text, which is equal to itself while the address stays.
	const [asked] = useDebouncedValue(JSON.stringify(bodyOf(steering)), SEARCH_MS);
	const silent = isSilent(steering);
	const list = useList(deployment, person, JSON.parse(asked), !silent);
	const linear = linearShareOf((list.data ?? unasked).items);
	const unaskedWeights = filled(unasked.interests, unasked.steering?.kept ? unasked.steering.weights : []);
	const weights = filled(unasked.interests, steering.weights ?? unaskedWeights);
	const weigh = (interest: number) => (weight: number, isFine: boolean) =>
		change(changesOf({ weights: weighed(weights, interest, weight, unaskedWeights) }), { replace: isFine });
	/** The button that was pressed goes, and the focus with it. */
	const backToTop = () => top.current?.focus();
	const drop = (given: Partial<Steering>) => {
		change(changesOf(given));
		backToTop();
	};
	return (
		<div className={interests.length > 0 ? "steered" : undefined}>
			<Stack gap="xs">
				<Title order={3} size="h5" ref={top} tabIndex={-1} className="quiet">
					Interests
				</Title>
				{interests.length === 0 && (
					<Text size="sm" mb="md">
						{deployment.checkpoint.model} does not tell interests apart, so there is nothing to steer by.
					</Text>
				)}
				{user !== null && unasked.steering?.kept && (
					<KeptSteering
						deployment={deployment.name}
						user={user}
						steering={unasked.steering}
						names={names}
						onUndone={backToTop}
					/>
				)}
				<SimpleGrid cols={{ base: 1, sm: 2, lg: 1 }} spacing="xs">
					{interests.map((interest) => (
						<InterestCard key={interest.index} interest={interest} name={nameAt(names, interest.index)}>
							<WeightControl
								name={nameAt(names, interest.index)}
								weight={weights[interest.index] ?? 1}
								onChange={weigh(interest.index)}
							/>
						</InterestCard>
					))}
					{linear !== null && <LinearCard share={linear} />}
				</SimpleGrid>
				{isBent(steering) && (
					<SteeringBar
						preview={silent ? undefined : list.data?.preview}
						onReset={() => drop({ weights: null, without: [], ...(user !== null && { with: [] }) })}
					>
						{user !== null && steering.weights && !silent && (
							<KeepSteering
								deployment={deployment.name}
								user={user}
								weights={weights}
								onKept={() => drop({ weights: null })}
							/>
						)}
					</SteeringBar>
				)}
			</Stack>
			<ListView
				deployment={deployment.name}
				label={label}
				hasFeed={deployment.feed !== null}
				steering={steering}
				list={list}
				names={names}
			/>
		</div>
	);
}
