import { Button, Code, CopyButton, Group, Modal, NumberInput, Select, Stack, Text, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ApiKeyMade, type KeyScope, Problem } from "@valence/client";
import { useState } from "react";
import { explanationOf, LIFETIMES, requestOf, SCOPES } from "../access";
import { ACCESS } from "../access-queries";
import { api } from "../api";
import { ProblemAlert } from "./feedback";

const FIELDS = ["/name", "/rateLimit"];

/** Makes a key, and shows it once. */
export function KeyForm() {
	const client = useQueryClient();
	const [name, setName] = useState("");
	const [scope, setScope] = useState<KeyScope>("serve");
	const [days, setDays] = useState("0");
	const [limit, setLimit] = useState<string | number>("");
	const make = useMutation({
		mutationFn: () => api.post("/keys", { body: requestOf({ name, scope, days, limit }, Date.now()) }),
		onSuccess: () => {
			setName("");
			return client.invalidateQueries({ queryKey: ACCESS });
		},
	});
	const errors = make.error instanceof Problem ? make.error.errors : [];
	const refused = (pointer: string) => errors.find((one) => one.pointer === pointer)?.message;
	return (
		<form
			onSubmit={(event) => {
				event.preventDefault();
				make.mutate();
			}}
		>
			<Stack gap="sm">
				<Group align="start" gap="xs">
					<TextInput
						label="Name"
						description="What it is for"
						size="xs"
						flex="1 1 160px"
						maw={260}
						value={name}
						onChange={(event) => setName(event.currentTarget.value)}
						error={refused("/name")}
						placeholder="shop-backend"
					/>
					<Select
						label="Scope"
						description="What it may do"
						size="xs"
						flex="1 1 120px"
						maw={180}
						data={SCOPES}
						value={scope}
						onChange={(chosen) => setScope(chosen as KeyScope)}
						allowDeselect={false}
					/>
					<Select
						label="Expires"
						description="And is none from then on"
						size="xs"
						flex="1 1 120px"
						maw={180}
						data={LIFETIMES}
						value={days}
						onChange={(chosen) => setDays(chosen ?? "0")}
						allowDeselect={false}
					/>
					<NumberInput
						label="Requests a minute"
						description="0: as many as come"
						size="xs"
						flex="1 1 140px"
						maw={200}
						min={0}
						allowDecimal={false}
						placeholder="as for all"
						value={limit}
						onChange={setLimit}
						error={refused("/rateLimit")}
					/>
				</Group>
				<Text size="xs" c="dimmed">
					{explanationOf(scope)}
				</Text>
				{make.error && !errors.some(({ pointer }) => FIELDS.includes(pointer)) && <ProblemAlert error={make.error} />}
				<Group>
					<Button type="submit" size="xs" loading={make.isPending} disabled={name.trim() === ""}>
						Make key
					</Button>
				</Group>
			</Stack>
			{make.data && <Shown made={make.data} onClose={() => make.reset()} />}
		</form>
	);
}

/** Closed by its button alone: what is lost cannot be shown again. */
const Shown = ({ made, onClose }: { made: ApiKeyMade; onClose: () => void }) => (
	<Modal
		opened
		onClose={onClose}
		title={`The key ${made.name}`}
		closeOnClickOutside={false}
		closeOnEscape={false}
		withCloseButton={false}
	>
		<Stack gap="sm">
			<Text size="sm">It is shown this once, and kept nowhere. Put it where secrets are kept.</Text>
			<Code block className="whole" aria-label="The key">
				{made.key}
			</Code>
			<Group justify="end">
				<CopyButton value={made.key}>
					{({ copied, copy }) => (
						<Button variant="default" onClick={copy}>
							{copied ? "Copied" : "Copy"}
						</Button>
					)}
				</CopyButton>
				<Button onClick={onClose}>I have kept it</Button>
			</Group>
		</Stack>
	</Modal>
);
