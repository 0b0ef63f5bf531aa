import { Stack, Text, TextInput, Title } from "@mantine/core";
import { MagnifyingGlassIcon } from "@radix-ui/react-icons";
import type { Model } from "@valence/client";
import { useState } from "react";
import { EmptyState, Loaded } from "../components/feedback";
import { ModelCard } from "../components/model-card";
import { PageHeader } from "../components/page-header";
import { familiesOf, matches } from "../families";
import { useModels } from "../queries";

export function ModelsPage() {
	const [search, setSearch] = useState("");
	return (
		<Stack maw={1080}>
			<PageHeader title="Models" details="The catalogue, as the trainer reports it." />
			<TextInput
				aria-label="Search the models"
				placeholder="name, family, or what it can do"
				leftSection={<MagnifyingGlassIcon width={16} height={16} />}
				maw={360}
				value={search}
				onChange={(event) => setSearch(event.currentTarget.value)}
			/>
			<Loaded query={useModels()}>
				{(models) => <Families models={models.filter((model) => matches(model, search))} />}
			</Loaded>
		</Stack>
	);
}

function Families({ models }: { models: Model[] }) {
	if (models.length === 0) return <EmptyState title="No model fits">Search for fewer words.</EmptyState>;
	return familiesOf(models).map((family) => (
		<Stack key={family.name} gap="xs" component="section" aria-label={family.name}>
			<Title order={3} size="h5" className="capital">
				{family.name}{" "}
				<Text span size="sm" c="dimmed">
					{family.models.length}
				</Text>
			</Title>
			{family.models.map((model) => (
				<ModelCard key={model.name} model={model} />
			))}
		</Stack>
	));
}
