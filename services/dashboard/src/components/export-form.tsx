import { Button, Checkbox, Group, NumberInput, Select, type SelectProps, Stack, Text, Textarea } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type Deployment, Problem } from "@valence/client";
import { useState } from "react";
import { api } from "../api";
import { FORMATS, idsOf, idsProblem } from "../exports";
import { count } from "../format";
import { keys } from "../queries";
import { ProblemAlert } from "./feedback";

const MOST = 1_000;
const WHOM = [
	{ value: "all", label: "Everybody in the dataset" },
	{ value: "ids", label: "Those I name" },
] as const;

interface Props {
	deployments: Deployment[];
	deployment: string;
	onDeployment: (name: string) => void;
}

/** Asks for the recommendations of many users as one file. */
export function ExportForm({ deployments, deployment, onDeployment }: Props) {
	const client = useQueryClient();
	const [n, setN] = useState<string | number>(20);
	const [format, setFormat] = useState<(typeof FORMATS)[number]["value"]>("csv");
	const [explain, setExplain] = useState(false);
	const [whom, setWhom] = useState<(typeof WHOM)[number]["value"]>("all");
	const [text, setText] = useState("");
	const ids = idsOf(text);
	const isNamed = whom === "ids";
	const launch = useMutation({
		mutationFn: () =>
			api.post("/deployments/{name}/exports", {
				path: { name: deployment },
				body: { n: Number(n), format, explain, users: isNamed ? ids : "all" },
			}),
		onSuccess: () => client.invalidateQueries({ queryKey: keys.exports }),
	});
	const refused = (field: string) =>
		launch.error instanceof Problem && launch.error.errors.find(({ pointer }) => pointer === `/${field}`)?.message;
	const served = deployments.find(({ name }) => name === deployment)?.checkpoint;
	return (
		<form
			onSubmit={(event) => {
				event.preventDefault();
				launch.mutate();
			}}
		>
			<Stack gap="sm">
				<Group align="start" gap="xs">
					<Choice
						label="Deployment"
						description={served && `${served.model} on ${served.dataset.name}`}
						flex="1 1 160px"
						maw={260}
						data={deployments.map(({ name }) => ({ value: name, label: name }))}
						value={deployment}
						onChange={onDeployment}
					/>
					<NumberInput
						label="Recommendations each"
						size="xs"
						flex="1 1 120px"
						maw={170}
						min={1}
						max={MOST}
						allowDecimal={false}
						value={n}
						onChange={setN}
						error={refused("n")}
					/>
					<Choice label="Format" flex="1 1 200px" maw={260} data={FORMATS} value={format} onChange={setFormat} />
					<Choice label="Users" flex="1 1 160px" maw={220} data={WHOM} value={whom} onChange={setWhom} />
				</Group>
				{isNamed && (
					<Textarea
						label="User ids"
						description={`One a line, in the order of the file. ${count(ids.length)} so far.`}
						size="xs"
						autosize
						minRows={4}
						maxRows={12}
						maw={560}
						value={text}
						onChange={(event) => setText(event.currentTarget.value)}
						error={idsProblem(ids) ?? refused("users")}
					/>
				)}
				<Checkbox
					size="xs"
					label="Explain"
					description="Adds each recommendation's interest shares and the items of the history behind it."
					checked={explain}
					onChange={(event) => setExplain(event.currentTarget.checked)}
				/>
				<Group gap="sm">
					<Button
						type="submit"
						size="xs"
						disabled={n === "" || (isNamed && (ids.length === 0 || idsProblem(ids) !== null))}
						loading={launch.isPending}
					>
						Export
					</Button>
					<Text size="xs" c="dimmed" flex="1 1 200px">
						Leaves out what a user has seen and what the deployment hides. Steering that people keep is not applied.
					</Text>
				</Group>
				<ProblemAlert error={launch.error} />
			</Stack>
		</form>
	);
}

interface ChoiceProps<V extends string> extends Pick<SelectProps, "label" | "description" | "flex" | "maw"> {
	data: readonly { value: V; label: string }[];
	value: V;
	onChange: (value: V) => void;
}

/** One of a few, and never none. */
function Choice<V extends string>({ data, onChange, ...field }: ChoiceProps<V>) {
	return (
		<Select
			{...field}
			inputWrapperOrder={["label", "input", "description", "error"]}
			size="xs"
			data={data}
			onChange={(chosen) => {
				const one = data.find(({ value }) => value === chosen);
				if (one) onChange(one.value);
			}}
			allowDeselect={false}
		/>
	);
}
