// What went wrong, in the words of who looks at a page: the service speaks to programs.
interface Said {
	/** What is the matter. */
	title: string;
	/** What can be done, or what exactly. */
	hint?: string;
	/** The fields that are meant say the rest. */
	namesFields?: true;
}
export interface Failed {
	code: string;
	message: string;
}

const WORDS: Record<string, (message: string) => Said> = {
	invalid_request: (message) =>
		// Of an address that somebody has typed: no id looks like that.
		message.startsWith("/params/")
			? { title: "It is not here", hint: "Look at the address: it names nothing that there is." }
			: { title: "Something in it cannot be taken as it is", namesFields: true },
	invalid_cursor: () => ({ title: "This page of the list is not there", hint: "Start again at its beginning." }),
	conflict: (message) => ({ title: "It cannot be done as things are now", hint: message }),
	bad_configuration: () => ({ title: "Settings do not fit their model", namesFields: true }),
	unknown_dataset: () => ({
		title: "The dataset is not there any more",
		hint: "Choose another one, or import it again.",
	}),
	unknown_class: () => ({
		title: "No machine is of this class",
		hint: "Choose another class, or none; the page Machines shows which there are.",
	}),
	unknown_model: (message) => ({ title: "The service has no such model", hint: message }),
	too_many_runs: (message) => ({
		title: "These are too many runs",
		hint: `${message} Try fewer values of a field, or fewer seeds.`,
	}),
	will_not_fit: (message) => ({
		title: "No machine has room for this",
		hint: `${message} Try a smaller model, a smaller batch or fewer processes, or start a larger machine.`,
	}),
	unauthorized: () => ({ title: "A key is needed", hint: "Press the key at the top right and enter one." }),
	insufficient_scope: (message) => ({ title: "The key in use may not do this", hint: message }),
	rate_limited: (message) => ({ title: "The key in use has asked too often", hint: `${message} Wait a moment.` }),
	not_found: (message) => ({ title: "It is not here", hint: `${message} It may have been deleted since.` }),
	unknown_user: () => ({
		title: "There is no such user in the data",
		hint: "Look at the id, or search for it on the page Users, whose tab New user is for somebody new.",
	}),
	unknown_item: () => ({
		title: "There is no such item in the data that is served",
		hint: "Look at the id, or search for it.",
	}),
	nothing_deployed: () => ({
		title: "Nothing is served under this name",
		hint: "Open an experiment that has ended and press Deploy.",
	}),
	dataset_not_ready: () => ({ title: "The dataset is not ready yet", hint: "Wait until it has been imported." }),
	checkpoint_missing: () => ({ title: "The checkpoint's file is gone", hint: "Deploy another one, or train again." }),
	checkpoint_corrupt: () => ({
		title: "The checkpoint's file is damaged",
		hint: "Deploy another one, or train again.",
	}),
	dataset_missing: () => ({ title: "The dataset's files are gone", hint: "Upload it again." }),
	dataset_corrupt: () => ({ title: "The dataset's files are damaged", hint: "Upload it again." }),
	// Of what is served, or of a training on a dataset whose users are held out: the service names the models that can.
	fold_in_unsupported: (message) => ({ title: "The model cannot answer for somebody new", hint: message }),
	// Of what is served, or of a run: the service names the models that do.
	steering_unsupported: (message) => ({ title: "The model tells no interests apart", hint: message }),
	similar_unsupported: () => ({
		title: "What is served cannot say which items are alike",
		hint: "Deploy a model that is marked similar.",
	}),
	no_known_items: () => ({
		title: "None of these items is in the data that is served",
		hint: "Look at their ids, or search for them by title.",
	}),
	all_muted: () => ({ title: "Every interest is muted", hint: "Give at least one of them some weight." }),
	values_missing: (message) => ({ title: "The values of single users are not there", hint: message }),
	values_corrupt: () => ({ title: "The values of single users are damaged", hint: "Evaluate the run again." }),
	unknown_run: () => ({ title: "A run is not there any more", hint: "Load the page again, and choose anew." }),
	not_comparable: () => ({ title: "A run has nothing to be compared by", namesFields: true }),
	protocols_differ: () => ({
		title: "The runs were not measured alike",
		hint: "Numbers compare only under one protocol on one dataset.",
		namesFields: true,
	}),
	not_one_group: () => ({ title: "A group holds more than the seeds of one configuration", namesFields: true }),
	export_gone: () => ({
		title: "The export's file is no longer there",
		hint: "Export again: backups hold no exported files.",
	}),
	upload_too_large: (message) => ({
		title: "A file is too large",
		hint: `${message} Split it, or let the service take larger ones (MAX_UPLOAD_BYTES).`,
	}),
	sent_too_long: () => ({ title: "It took too long to send", hint: "Send it again in several parts." }),
	body_too_large: () => ({ title: "This is too much at once", hint: "Send less of it, in several parts." }),
	uri_too_long: () => ({ title: "What was asked for is too long", hint: "Take shorter ids, or fewer of them." }),
	upload_missing: () => ({ title: "An uploaded file is no longer there", hint: "Upload the dataset again." }),
	dataset_too_small: (message) => ({
		title: "Too little is left of the data",
		hint: `${message.replace(/\.?$/, ".")} Lower the k-core or the least rating of the import rule, or bring more data.`,
	}),
	too_many_streams: () => ({
		title: "Too many pages follow runs at the moment",
		hint: "Close some, or come back later.",
	}),
	store_unavailable: () => ({
		title: "The place where files are kept does not answer, or takes nothing",
		hint: "What is queued is tried again by itself. Whoever runs the service finds the reason in the trainer's log.",
	}),
	unavailable: (message) => ({
		title: "A part of the service is away",
		hint: `${message} It comes back by itself, mostly.`,
	}),
	busy: () => ({ title: "The service has its hands full", hint: "Try again in a moment." }),
	internal: () => ({
		title: "Something went wrong inside the service",
		hint: "Try again. If it stays so, the service's log says more.",
	}),
	storage_full: () => ({
		title: "The disk is full",
		hint: "The page Storage says what takes how much, and experiments can be deleted.",
	}),
	out_of_memory: () => ({
		title: "There was not enough memory",
		hint: "Take smaller batches, fewer interests or narrower vectors.",
	}),
	diverged: () => ({
		title: "The loss grew beyond every number",
		hint: "Lower the learning rate, or raise the temperatures.",
	}),
	worker_lost: () => ({ title: "It was interrupted too often", hint: "Look at the worker's log, then launch again." }),
	trainer_crashed: () => ({
		title: "Training crashed too often",
		hint: "Look at the trainer's log, then launch again.",
	}),
	trainer_hung: () => ({
		title: "Training made no progress any more",
		hint: "Look at the trainer's log, then launch again.",
	}),
	no_free_slot: () => ({ title: "Every place of the trainer is taken", hint: "Wait: it is tried again by itself." }),
	stopping: () => ({ title: "The trainer is being stopped", hint: "It goes on by itself once the trainer is back." }),
	stale_lease: () => ({
		title: "Another worker has taken this over",
		hint: "Nothing is to be done: that one goes on.",
	}),
	host_not_allowed: () => ({
		title: "The service does not go by the name in this address",
		hint: "Open it under another one, or have the name added to ALLOWED_HOSTS.",
	}),
	cross_site: () => ({
		title: "Only this page's own host may change anything",
		hint: "Open the dashboard under its own address.",
	}),
};

/** A sentence of the service that is said already is not said again. */
export function inWords({ code, message }: Failed): Said {
	const said = ruleInWords(message);
	return WORDS[code]?.(said) ?? { title: said };
}

const COLUMNS: Record<string, string> = {
	user: "users",
	item: "items",
	rating: "ratings",
	timestamp: "times",
	title: "titles",
};
const PLACE = "columns\\.(?:items\\.)?(\\w+)";
const NAME_IT = new RegExp(`; name (?:it|one|the one) in the rule, ${PLACE}(?: or ${PLACE})?(?:; or, where .*)?$`);

/** What the service says of files and of how they are read, without the syntax of its rule. */
export const ruleInWords = (message: string): string =>
	message
		.replace(
			" a feed, where the rule gives no `at` for rows without one, needs times",
			" a feed needs the time of each row",
		)
		.replace(NAME_IT, (_, ...[one, other]: string[]) => {
			const named = [one, other].flatMap((column) => (column ? [COLUMNS[column] ?? column] : []));
			return `. Press or name the column of the ${named.join(" or ")}`;
		})
		.replace(/ in the rule(?:, columns\.[\w.]+(?: and columns\.[\w.]+)*)$/, "")
		.replace(/: rule=\{.*\}\}+/, "")
		.replace("ask for skipBadRows", "have such rows left out")
		.replace("skipBadRows leaves out at most", "what may be left out is at most")
		.replaceAll("below minRating", "below the least rating")
		.replaceAll("minRating", "a least rating")
		.replaceAll("kCore", "k-core");

const PARTS: Record<string, string> = {
	params: "",
	grid: "",
	rule: "",
	query: "",
	models: "model",
	groups: "group",
	runs: "run",
	columns: "column of",
	maskTest: "masked at test",
	cutoffs: "cut-offs",
	minRating: "least rating",
	kCore: "k-core",
	ratios: "train, valid, test",
	skipBadRows: "skip bad rows",
};

/** The field that a pointer names: "/models/0/params/k" is "model 1, k". */
export function fieldOf(pointer: string): string {
	const parts = pointer.split("/").filter(Boolean);
	const words: string[] = [];
	for (const part of parts) {
		const word = PARTS[part] ?? part.replaceAll("~1", "/").replaceAll("~0", "~");
		if (/^\d+$/.test(part) && words.length > 0) words.push(`${words.pop()} ${Number(part) + 1}`);
		else if (words.at(-1)?.endsWith(" of")) words.push(`${words.pop()} the ${word}`);
		else if (word !== "") words.push(word);
	}
	return words.join(", ");
}

/** "/rule/split/kind must be given" is "Split, kind must be given". */
export const pointerInWords = (message: string): string =>
	message.replace(/^\/[\w/]+/, (pointer) => fieldOf(pointer).replace(/^./, (first) => first.toUpperCase()));
