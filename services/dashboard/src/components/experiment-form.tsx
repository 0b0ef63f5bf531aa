import { Button, Checkbox, Group, Stack, Text } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { PlusIcon } from "@radix-ui/react-icons";
import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type Model, type NewExperiment, Problem } from "@valence/client";
import { type ReactNode, useState } from "react";
import { useNavigate, useSearchParams } from "react-router";
import { api } from "../api";
import { estimateSentence, rangeText, secondsOfAll } from "../estimates";
import { count } from "../format";
import { type KeepTexts, keepSentence, requestOf, runsProblem } from "../keep";
import { parseChoice, sentOf, type Way } from "../model-choice";
import { maskOf, type Shared, sharedProblem, USUAL_METRICS } from "../protocol";
import { estimateQuery, keys } from "../queries";
import { type SearchTexts, suggestedSearch } from "../search-space";
import { ClassField } from "./class-field";
import { Panel } from "./facts";
import { ProblemAlert } from "./feedback";
import { KEEP_HINT, KeepFields } from "./keep-fields";
import { ModelForm } from "./model-form";
import { ProtocolFields } from "./protocol-fields";
import { SEARCH_MS } from "./search-field";

const MOST_RUNS = 1_000;
const OF_SEARCH = { trials: "Trials", seed: "Seed of the search", space: "What is searched" } as const;

interface Choice {
	id: number;
	model: string;
	texts: Record<string, string>;
	way: Way;
	search: SearchTexts;
	processes: string;
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
		metrics: USUAL_METRICS,
	});
	const [refit, setRefit] = useState(false);
	const [machineClass, setMachineClass] = useState<string | null>(null);
	const [keep, setKeep] = useState<KeepTexts>({ checkpoints: "best+last", runs: "" });
	const modelNamed = (name: string | null) => catalogue.find((one) => one.name === name);
	const fieldsNamed = (name: string) => modelNamed(name)?.configSchema.properties ?? {};
	const usual = modelNamed("valid") ?? catalogue[0];
	const begun = (id: number, name: string): Choice => {
		const model = modelNamed(name);
		const suggested = suggestedSearch(model ?? { configSchema: { properties: {} } });
		return { id, model: name, texts: {}, way: "setting", search: suggested, processes: "1" };
	};
	const [choices, setChoices] = useState<Choice[]>([begun(0, (modelNamed(search.get("model")) ?? usual)?.name ?? "")]);

	const parsed = choices.map((choice) => parseChoice(fieldsNamed(choice.model), choice));
	/** A model solved at once gives the same numbers with every seed, and runs once. */
	const seedsOf = (name: string) =>
		modelNamed(name)?.capabilities.includes("closed_form") ? Math.min(1, shared.seeds.length) : shared.seeds.length;
	const runs = parsed
		.map(
			({ grid, searched }, index) =>
				searched?.search.trials ??
				Object.values(grid).reduce((size, values) => size * values.length, seedsOf(choices[index]?.model ?? "")),
		)
		.reduce((sum, some) => sum + some, 0);
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
		parsed
			.flatMap(({ searched }) => Object.entries(searched?.own ?? {}))
			.map(([field, text]) => `${OF_SEARCH[field as keyof typeof OF_SEARCH]} ${text}.`)
			.at(0) ??
		(runs > MOST_RUNS ? `At most ${count(MOST_RUNS)} runs: shorten the grid, the list of seeds or the search.` : null);
	const request: NewExperiment = {
		...(shared.name.trim() && { name: shared.name.trim() }),
		dataset: shared.dataset ?? "",
		models: choices.map(({ model, processes }, index) => ({
			model,
			...(parsed[index] && sentOf(parsed[index])),
			...(processes !== "1" && { processes: Number(processes) }),
		})),
		seeds: shared.seeds.map(Number),
		protocol: {
			maskTest: maskOf(shared.maskTest),
			cutoffs: shared.cutoffs.map(Number),
			metrics: shared.metrics,
		},
		keep: requestOf(keep),
		...(refit && { refit }),
		...(machineClass !== null && { class: machineClass }),
	};
	const [asked] = useDebouncedValue(problem === null ? JSON.stringify(request) : null, SEARCH_MS);
	const estimate = useQuery({
		...estimateQuery(asked === null ? null : JSON.parse(asked)),
		placeholderData: keepPreviousData,
	});
	const estimates =
		estimate.data?.models.map((one) => one.model).join() === choices.map(({ model }) => model).join()
			? (estimate.data?.models ?? [])
			: [];
	const seconds = estimates.length > 0 ? secondsOfAll(estimates) : null;
	const isRefused = estimate.error instanceof Problem && estimate.error.status === 422;

	const launch = useMutation({
		mutationFn: () => api.post("/experiments", { body: request }),
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
					<ClassField
						value={machineClass}
						onChange={(next) => {
							launch.reset();
							setMachineClass(next);
						}}
						error={refused("/class")}
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
								effort={{
									way: choice.way,
									search: choice.search,
									problems: parsed[index]?.searched?.own ?? {},
									onWay: (way) => change(index, { way }),
									onSearch: (search) => change(index, { search }),
								}}
								processes={{
									text: choice.processes,
									onText: (processes) => change(index, { processes }),
									problem: refused(`/models/${index}/processes`),
								}}
								onModel={(name) => change(index, begun(choice.id, name))}
								onText={(field, text) => change(index, { texts: { ...choice.texts, [field]: text } })}
								cost={estimates[index] ? estimateSentence(estimates[index]) : null}
								onRemove={choices.length > 1 ? () => setChoices(choices.toSpliced(index, 1)) : undefined}
								problemOf={(field) =>
									parsed[index]?.problems[field] ??
									refused(
										`/models/${index}/params/${field}`,
										`/models/${index}/grid/${field}`,
										`/models/${index}/search/space/${field}`,
									)
								}
							/>
						)
					);
				})}
				<ProblemAlert error={launch.error ?? (isRefused ? estimate.error : null)} />
				<Group justify="space-between">
					<Button
						variant="default"
						leftSection={<PlusIcon width={16} height={16} />}
						onClick={() =>
							setChoices([...choices, begun(Math.max(...choices.map(({ id }) => id)) + 1, usual?.name ?? "")])
						}
					>
						Add a model
					</Button>
					<Group>
						<Text size="sm" c={problem === null ? "dimmed" : "red"} role="status" id="launch-says">
							{problem ??
								`${count(runs)} ${runs === 1 ? "run" : "runs"}${
									seconds === null ? "" : `, ${rangeText(seconds)}${runs === 1 ? "" : " one after another"}`
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
