import { Button, Checkbox, Group, Stack } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type Model, Problem } from "@valence/client";
import { type FormEvent, useState } from "react";
import { api } from "../api";
import { splitTitle } from "../dataset-rule";
import { keys } from "../queries";
import { refreshKeys } from "../refresh-queries";
import { parseRefresh, type RefreshTexts } from "../refreshing";
import { ClassField } from "./class-field";
import { ProblemAlert } from "./feedback";
import { ModelForm } from "./model-form";
import { GateFields, ScheduleFields, TrainedFields } from "./refresh-fields";
import { RuleFields } from "./rule-fields";

interface Props {
	/** Of the deployment. */
	name: string;
	catalogue: Model[];
	feeds: string[];
	given: RefreshTexts;
	isNew: boolean;
	onDone: () => void;
}

/** The whole rule: what is trained on what, when, and what it has to reach. */
export function RefreshForm({ name, catalogue, feeds, given, isNew, onDone }: Props) {
	const client = useQueryClient();
	const [texts, setTexts] = useState(given);
	const model = catalogue.find((one) => one.name === texts.model) as Model;
	const { body, problems, ofModel, ofRule, isRight } = parseRefresh(texts, model.configSchema.properties);
	const save = useMutation({
		mutationFn: () => api.put("/deployments/{name}/refresh", { path: { name }, body }),
		onSuccess: async () => {
			await client.invalidateQueries({ queryKey: refreshKeys.of(name) });
			await client.invalidateQueries({ queryKey: keys.deployments, exact: true });
			onDone();
		},
	});
	const change = (next: Partial<RefreshTexts>) => {
		save.reset();
		setTexts({ ...texts, ...next });
	};
	/** What the service said about a field, by the start of its pointer. */
	const refused = (pointer: string) =>
		save.error instanceof Problem &&
		save.error.errors.find((one) => `${one.pointer}/`.startsWith(`${pointer}/`))?.message;
	const fields = {
		texts,
		onChange: change,
		problemOf: (field: string, pointer: string) => problems[field] ?? refused(pointer),
	};
	return (
		<form
			aria-label={`Rule of ${name}`}
			onSubmit={(event: FormEvent) => {
				event.preventDefault();
				if (isRight) save.mutate();
			}}
		>
			<Stack gap="sm">
				<TrainedFields {...fields} feeds={feeds} />
				<ModelForm
					catalogue={catalogue}
					model={model}
					texts={texts.params}
					single
					processes={{
						text: texts.processes,
						onText: (processes) => change({ processes }),
						problem: refused("/processes"),
					}}
					onModel={(next) => change({ model: next, params: {}, processes: "1" })}
					onText={(field, text) => change({ params: { ...texts.params, [field]: text } })}
					onRemove={undefined}
					cost={null}
					problemOf={(field) => ofModel[field] ?? refused(`/params/${field}`)}
				/>
				<ClassField
					value={texts.machineClass}
					onChange={(machineClass) => change({ machineClass })}
					error={refused("/class")}
				/>
				<ScheduleFields {...fields} />
				<GateFields {...fields} />
				<details className="more" open={Object.keys(ofRule).length > 0 || undefined}>
					<summary>Split and filters of the snapshot: {splitTitle(body.rule ?? {})}</summary>
					<RuleFields
						ofFeed
						texts={texts.rule}
						onChange={(rule) => change({ rule })}
						problems={ofRule}
						refused={refused}
					/>
				</details>
				<Group gap="lg">
					<Checkbox
						size="xs"
						label="Refit on all data before it is served"
						checked={texts.refit}
						onChange={(event) => change({ refit: event.currentTarget.checked })}
					/>
					<Checkbox
						size="xs"
						label="Paused: only on request"
						checked={texts.paused}
						onChange={(event) => change({ paused: event.currentTarget.checked })}
					/>
				</Group>
				<ProblemAlert error={save.error} />
				<Group justify="end" gap="xs">
					<Button size="xs" variant="default" onClick={onDone}>
						Cancel
					</Button>
					<Button size="xs" type="submit" loading={save.isPending} disabled={!isRight}>
						{isNew ? "Save rule" : "Save changes"}
					</Button>
				</Group>
			</Stack>
		</form>
	);
}
