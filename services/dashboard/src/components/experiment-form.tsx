import { Button, Group, Stack, Text } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { useNavigate, useSearchParams } from "react-router";
import { ProblemError, post } from "../api";
import { parseFields } from "../config-fields";
import { count } from "../format";
import { keys } from "../queries";
import type { Experiment, Model } from "../shapes";
import { Panel } from "./facts";
import { ProblemAlert } from "./feedback";
import { ModelForm } from "./model-form";
import { ProtocolFields, type Shared, sharedIsWrong } from "./protocol-fields";

const MOST_RUNS = 1_000;

interface Choice {
	id: number;
	model: string;
	texts: Record<string, string>;
}

interface Props {
	catalogue: Model[];
	datasets: { value: string; label: string }[];
}

/** Datasets, models with their configurations, seeds: what is launched as one experiment. */
export function ExperimentForm({ catalogue, datasets }: Props) {
	const navigate = useNavigate();
	const client = useQueryClient();
	const [search] = useSearchParams();
	const [shared, setShared] = useState<Shared>({
		name: "",
		dataset: search.get("dataset") ?? datasets[0]?.value ?? null,
		seeds: ["1"],
		maskTest: "train",
		cutoffs: ["20", "50"],
	});
	const modelNamed = (name: string | null) => catalogue.find((one) => one.name === name);
	const usual = modelNamed("valid") ?? catalogue[0];
	const [choices, setChoices] = useState<Choice[]>([
		{ id: 0, model: (modelNamed(search.get("model")) ?? usual)?.name ?? "", texts: {} },
	]);

	const parsed = choices.map(({ model, texts }) =>
		parseFields(modelNamed(model)?.configSchema.properties ?? {}, texts),
	);
	const isWrong = sharedIsWrong(shared) || parsed.some(({ problems }) => Object.keys(problems).length > 0);
	const runs = parsed.reduce(
		(sum, { grid }) => sum + Object.values(grid).reduce((size, values) => size * values.length, shared.seeds.length),
		0,
	);
	const isTooMany = runs > MOST_RUNS;

	const launch = useMutation({
		mutationFn: () =>
			post<Experiment>("/experiments", {
				...(shared.name.trim() && { name: shared.name.trim() }),
				dataset: shared.dataset,
				models: choices.map(({ model }, index) => ({
					model,
					params: parsed[index]?.params,
					grid: parsed[index]?.grid,
				})),
				seeds: shared.seeds.map(Number),
				protocol: { maskTest: shared.maskTest, cutoffs: shared.cutoffs.map(Number) },
			}),
		onSuccess: async ({ id }) => {
			await client.invalidateQueries({ queryKey: keys.experiments });
			navigate(`/experiments/${id}`);
		},
	});
	/** What the service said about a field, by the start of its pointer. */
	const refused = (...pointers: string[]): ReactNode =>
		launch.error instanceof ProblemError &&
		launch.error.errors.find((one) => pointers.some((pointer) => `${one.pointer}/`.startsWith(`${pointer}/`)))?.message;
	const change = (index: number, next: Partial<Choice>) => {
		launch.reset();
		setChoices(choices.map((choice, at) => (at === index ? { ...choice, ...next } : choice)));
	};

	return (
		<form
			onSubmit={(event) => {
				event.preventDefault();
				if (!isWrong && !isTooMany) launch.mutate();
			}}
		>
			<Stack>
				<Panel title="Experiment">
					<ProtocolFields
						shared={shared}
						onChange={(next) => setShared({ ...shared, ...next })}
						datasets={datasets}
						refused={refused}
					/>
				</Panel>
				{choices.map((choice, index) => {
					const model = modelNamed(choice.model);
					return (
						model && (
							<ModelForm
								key={choice.id}
								catalogue={catalogue}
								model={model}
								texts={choice.texts}
								onModel={(name) => change(index, { model: name, texts: {} })}
								onText={(field, text) => change(index, { texts: { ...choice.texts, [field]: text } })}
								onRemove={choices.length > 1 ? () => setChoices(choices.toSpliced(index, 1)) : undefined}
								problemOf={(field) =>
									parsed[index]?.problems[field] ??
									refused(`/models/${index}/params/${field}`, `/models/${index}/grid/${field}`)
								}
							/>
						)
					);
				})}
				<ProblemAlert error={launch.error} />
				<Group justify="space-between">
					<Button
						variant="default"
						leftSection={<IconPlus size={16} />}
						onClick={() =>
							setChoices([
								...choices,
								{ id: Math.max(...choices.map(({ id }) => id)) + 1, model: usual?.name ?? "", texts: {} },
							])
						}
					>
						Add a model
					</Button>
					<Group>
						<Text size="sm" c={isTooMany ? "red" : "dimmed"} role="status">
							{count(runs)} {runs === 1 ? "run" : "runs"}
							{isTooMany && `, at most ${count(MOST_RUNS)}`}
						</Text>
						<Button type="submit" loading={launch.isPending} disabled={isWrong || isTooMany}>
							Launch
						</Button>
					</Group>
				</Group>
			</Stack>
		</form>
	);
}
