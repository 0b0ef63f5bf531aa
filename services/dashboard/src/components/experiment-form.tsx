import { Button, Checkbox, Group, Stack, Text } from "@mantine/core";
import { PlusIcon } from "@radix-ui/react-icons";
import { useMutation, useQueries, useQueryClient } from "@tanstack/react-query";
import { type Model, Problem } from "@valence/client";
import { type ReactNode, useState } from "react";
import { useNavigate, useSearchParams } from "react-router";
import { api } from "../api";
import { parseFields } from "../config-fields";
import { count, duration } from "../format";
import { type KeepTexts, keepSentence, requestOf, runsProblem } from "../keep";
import { askedOf, precedentSentence, secondsOfAll } from "../precedent";
import { maskOf, type Shared, sharedProblem } from "../protocol";
import { keys, precedentQuery } from "../queries";
import { Panel } from "./facts";
import { ProblemAlert } from "./feedback";
import { KEEP_HINT, KeepFields } from "./keep-fields";
import { ModelForm } from "./model-form";
import { ProtocolFields } from "./protocol-fields";

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
	const [refit, setRefit] = useState(false);
	const [keep, setKeep] = useState<KeepTexts>({ checkpoints: "best+last", runs: "" });
	const modelNamed = (name: string | null) => catalogue.find((one) => one.name === name);
	const fieldsNamed = (name: string) => modelNamed(name)?.configSchema.properties ?? {};
	const usual = modelNamed("valid") ?? catalogue[0];
	const [choices, setChoices] = useState<Choice[]>([
		{ id: 0, model: (modelNamed(search.get("model")) ?? usual)?.name ?? "", texts: {} },
	]);

	const parsed = choices.map(({ model, texts }) => parseFields(fieldsNamed(model), texts));
	/** A model solved at once gives the same numbers with every seed, and runs once. */
	const seedsOf = (name: string) =>
		modelNamed(name)?.capabilities.includes("closed_form") ? Math.min(1, shared.seeds.length) : shared.seeds.length;
	const precedents = useQueries({ queries: choices.map(({ model }) => precedentQuery(shared.dataset, model)) });
	const parts = parsed.map(({ params, grid }, index) => ({
		precedent: precedents[index]?.data ?? null,
		asked: askedOf(fieldsNamed(choices[index]?.model ?? ""), { params, grid }),
		runs: Object.values(grid).reduce((size, values) => size * values.length, seedsOf(choices[index]?.model ?? "")),
	}));
	const runs = parts.reduce((sum, part) => sum + part.runs, 0);
	const keepProblem = runsProblem(keep.runs);
	/** Why it cannot be launched. */
	const problem =
		sharedProblem(shared) ??
		(keepProblem && `Best runs that keep their checkpoints: ${keepProblem}.`) ??
		parsed
			.flatMap(({ problems }, index) =>
				Object.entries(problems).map(
					([field, text]) => `${field} of ${modelNamed(choices[index]?.model ?? "")?.title} ${text}.`,
				),
			)
			.at(0) ??
		(runs > MOST_RUNS ? `At most ${count(MOST_RUNS)} runs: shorten the grid or the list of seeds.` : null);
	const seconds = secondsOfAll(parts);

	const launch = useMutation({
		mutationFn: () =>
			api.post("/experiments", {
				body: {
					...(shared.name.trim() && { name: shared.name.trim() }),
					dataset: shared.dataset ?? "",
					models: choices.map(({ model }, index) => ({
						model,
						...(parsed[index] && { params: parsed[index].params, grid: parsed[index].grid }),
					})),
					seeds: shared.seeds.map(Number),
					protocol: { maskTest: maskOf(shared.maskTest), cutoffs: shared.cutoffs.map(Number) },
					keep: requestOf(keep),
					...(refit && { refit }),
				},
			}),
		onSuccess: async ({ id }) => {
			await client.invalidateQueries({ queryKey: keys.experiments });
			navigate(`/experiments/${id}`);
		},
	});
	/** What the service said about a field, by the start of its pointer. */
	const refused = (...pointers: string[]): ReactNode =>
		launch.error instanceof Problem &&
		launch.error.errors.find((one) => pointers.some((pointer) => `${one.pointer}/`.startsWith(`${pointer}/`)))?.message;
	const change = (index: number, next: Partial<Choice>) => {
		launch.reset();
		setChoices(choices.map((choice, at) => (at === index ? { ...choice, ...next } : choice)));
	};

	return (
		<form
			onSubmit={(event) => {
				event.preventDefault();
				if (problem === null) launch.mutate();
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
					<Checkbox
						size="xs"
						my="sm"
						label="Refit the best run on all data once all have ended"
						description="The same training with validation and test items, for deploying. The run that was tested vouches for it."
						checked={refit}
						onChange={(event) => {
							launch.reset();
							setRefit(event.currentTarget.checked);
						}}
						error={refused("/refit")}
					/>
					<details className="more">
						<summary>
							Checkpoints kept:{" "}
							{keepSentence({ ...keep, runs: keep.runs === "" || runsProblem(keep.runs) ? null : Number(keep.runs) })}
						</summary>
						<Stack gap="xs" mt="xs">
							<KeepFields texts={keep} onChange={setKeep} refused={(field) => refused(`/keep/${field}`)} />
							<Text size="xs" c="dimmed">
								{KEEP_HINT}
							</Text>
						</Stack>
					</details>
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
								cost={parts[index]?.precedent ? precedentSentence(parts[index].precedent, parts[index].asked) : null}
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
						leftSection={<PlusIcon width={16} height={16} />}
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
						<Text size="sm" c={problem === null ? "dimmed" : "red"} role="status" id="launch-says">
							{problem ??
								`${count(runs)} ${runs === 1 ? "run" : "runs"}${
									seconds === null
										? ""
										: `, about ${duration(seconds)} one after another, if each takes as long as the last one`
								}`}
						</Text>
						<Button type="submit" loading={launch.isPending} disabled={problem !== null} aria-describedby="launch-says">
							Launch
						</Button>
					</Group>
				</Group>
			</Stack>
		</form>
	);
}
