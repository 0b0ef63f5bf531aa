// The table of error codes: what a client may see, and what to do about it. docs/errors.md is made from it.
export const ERRORS = {
	invalid_request: [400, "The request is not valid", "Mend the fields that `errors` names."],
	invalid_cursor: [400, "The cursor is not one this list gave out", "Take `nextCursor` of the page before, unchanged."],
	unauthorized: [
		401,
		"A valid API key is needed",
		"Send `Authorization: Bearer <key>` with a key that is neither revoked nor over.",
	],
	insufficient_scope: [403, "The key may not do this", "Take a key of a scope that `detail` names."],
	host_not_allowed: [403, "This host name is not served", "Name the host in `ALLOWED_HOSTS`."],
	cross_site: [
		403,
		"A page of another site may not do this",
		"Use the dashboard of this host, or configure `API_KEYS`.",
	],
	not_found: [404, "There is no such thing", "Look at the id; lists show what there is."],
	unknown_user: [
		404,
		"The dataset of this checkpoint has no such user",
		"Use `POST /recommendations` for a new person.",
	],
	unknown_item: [404, "The dataset of this checkpoint has no such item", "Use an item id of the dataset."],
	method_not_allowed: [405, "This path does not take this method", "Use one of the methods in `Allow`."],
	sent_too_long: [408, "It took longer to send than anything may", "Send it again in smaller parts."],
	conflict: [409, "The present state does not allow this", "`detail` says what is in the way."],
	nothing_deployed: [409, "Nothing is deployed under this name", "`PUT /deployments/<name>` deploys a checkpoint."],
	dataset_not_ready: [
		409,
		"The dataset has not been imported",
		"Wait until its state is `SUCCEEDED`; upload it again if it is final.",
	],
	idempotency_in_progress: [409, "A request with this Idempotency-Key is under way", "Ask again in a second."],
	checkpoint_missing: [409, "The checkpoint's file is not there", "Deploy another checkpoint, or train again."],
	checkpoint_corrupt: [409, "The checkpoint's file is damaged", "Deploy another checkpoint, or train again."],
	values_missing: [409, "The values of single users are not there", "Measure the run again by an evaluation."],
	values_corrupt: [409, "The values of single users are damaged", "Measure the run again by an evaluation."],
	dataset_missing: [409, "The dataset's files are not there", "Upload the dataset again."],
	dataset_corrupt: [409, "The dataset's files are damaged", "Upload the dataset again."],
	export_gone: [
		410,
		"The file of the export is no longer there",
		"Export again; backups hold no exported files, and a restore brings none back.",
	],
	body_too_large: [413, "The body is too large", "Send less; uploads are bounded by `MAX_UPLOAD_BYTES` a file."],
	upload_too_large: [413, "The file is too large", "Split it, or raise `MAX_UPLOAD_BYTES`."],
	uri_too_long: [414, "The address is too long", "Ids take up to 512 bytes."],
	unsupported_media_type: [
		415,
		"The content type is not supported",
		"JSON, but `multipart/form-data` for datasets; interactions of a feed also as `application/x-ndjson`.",
	],
	range_not_satisfiable: [416, "The file ends before that range", "`Content-Range` says how long it is."],
	bad_configuration: [422, "A configuration does not fit its model's schema", "`GET /models` holds the schemas."],
	unknown_dataset: [422, "There is no such dataset", "`GET /datasets` lists them."],
	unknown_model: [422, "There is no such model", "`GET /models` names them."],
	unknown_class: [422, "No machine is of this class", "`GET /machines` lists those there are."],
	will_not_fit: [
		422,
		"A run needs more memory, or more GPUs, than any machine has",
		"Make the model smaller by the fields that `GET /models` describes, ask for fewer processes, or start a larger machine.",
	],
	unknown_run: [422, "There is no such run", "`GET /experiments/{id}` lists those of an experiment."],
	not_comparable: [422, "A run has nothing to be compared by", "The message says why, and how to get it."],
	protocols_differ: [
		422,
		"The runs were not measured alike",
		"Numbers compare only under one protocol on one dataset; `errors` says what differs.",
	],
	not_one_group: [
		422,
		"A group holds more than the seeds of one configuration",
		"Give each configuration a group of its own, and each seed once.",
	],
	too_many_runs: [422, "The experiment expands to too many runs", "Shorten the grid or the list of seeds."],
	idempotency_mismatch: [422, "This Idempotency-Key was used with another body", "Make a new key for a new request."],
	fold_in_unsupported: [422, "The model cannot answer for a new person", "Take a model with the capability `fold_in`."],
	steering_unsupported: [422, "The model has no interests", "Take a model with the capability `interests`."],
	all_muted: [422, "All interests are muted", "Leave at least one interest above 0."],
	similar_unsupported: [422, "The model cannot compare items", "Deploy a model with the capability `similar`."],
	no_known_items: [422, "None of the items is known to this checkpoint", "Use item ids of the dataset."],
	rate_limited: [429, "The key has sent as many requests as it may", "Ask again after `Retry-After` seconds."],
	too_many_streams: [429, "Too many event streams are open", "Close some, or ask again later."],
	headers_too_large: [431, "The headers are too large", "Send less than 16 KiB of them."],
	internal: [500, "Something went wrong inside", "Report `instance`; the log has the rest under it."],
	unavailable: [503, "A part of the service is away", "Ask again after `Retry-After` seconds; `/readyz` says which."],
	busy: [
		503,
		"As many uploads, downloads or snapshots are under way as may be",
		"Ask again after `Retry-After` seconds.",
	],
	store_unavailable: [
		503,
		"The place of the artifacts does not answer, or takes no writes",
		"What is queued is tried again by itself; the trainer's log says why.",
	],
	storage_full: [507, "The disk for artifacts is full", "Make room, or delete experiments."],
	// An import that cannot be done.
	bad_dataset: [422, "The files do not form a dataset", "The message says what is wrong where."],
	ambiguous_column: [422, "Several columns may be the one that is needed", "Name the one in `rule.columns`."],
	no_header: [
		422,
		"The first line of a file is a row",
		"Give positions in `rule.columns`, counted from 1, or add a header.",
	],
	unsupported_format: [422, "A file is of a kind that is not read", "The message says what it is and what to do."],
	bad_zip: [422, "A file is a damaged archive", "Pack it again, or upload the files in it."],
	bad_zstd: [422, "A file is damaged zstd data", "Compress it again."],
	bad_parquet: [422, "A file is damaged Parquet", "Write it again."],
	bad_gzip: [422, "A file is damaged gzip data", "Compress it again."],
	bad_rows: [422, "Too many rows cannot be read", "Mend the rows listed, or ask for `skipBadRows`."],
	dataset_too_small: [
		422,
		"Too few users or items are left",
		"Relax `kCore`, `minRating`, `since` and `until`, or bring more data.",
	],
	empty_file: [422, "A file holds nothing", "Upload the file again."],
	line_too_long: [422, "A line is longer than any row may be", "Look for a missing line end or quote."],
	missing_column: [422, "A column is not there", "Name the columns in `rule.columns`."],
	missing_file: [422, "A file is not there", "Give interactions, or train and test, and what the rule names."],
	no_times: [
		422,
		"A column of times holds none that is read",
		"Name the right one in `rule.columns.timestamp`, or take a split that needs no times.",
	],
	not_utf8: [422, "A file is not UTF-8", "Save it as UTF-8."],
	too_large: [422, "A file unpacks to too much", "Split it."],
	truncated_gzip: [422, "A file ends in the middle of its gzip data", "Upload the whole file."],
	bad_archive: [422, "A file is no backup, or not as it was written", "Restore another backup."],
	unclosed_quote: [422, "A quoted field is not closed", "Close the quote on the line named."],
	// Work that cannot be done or was given up.
	out_of_memory: [500, "The work needed more memory than there is", "Take smaller batches or a smaller model."],
	diverged: [500, "The loss is not finite", "Lower the learning rate, or raise the temperatures."],
	upload_missing: [500, "An uploaded file is no longer there", "Upload the dataset again."],
	worker_lost: [500, "The worker vanished too often", "Look at the worker's log, then launch again."],
	trainer_crashed: [500, "The training process died too often", "Look at the trainer's log, then launch again."],
	trainer_hung: [500, "The training process made no progress", "Look at the trainer's log, then launch again."],
	no_free_slot: [503, "Every slot of the trainer is taken", "Wait; it is tried again by itself."],
	stopping: [503, "The trainer is being stopped", "Wait; it goes on by itself once the trainer is back."],
	stale_lease: [500, "A newer owner has taken the work over", "Nothing: the newer owner goes on."],
} as const satisfies Record<string, readonly [status: number, title: string, advice: string]>;

export type ErrorCode = keyof typeof ERRORS;

export function isErrorCode(code: string): code is ErrorCode {
	return Object.hasOwn(ERRORS, code);
}

export interface Problem {
	pointer: string;
	code: string;
	message: string;
}

/** An expected failure with a text for the client; the status follows from the code. */
export class ApiError extends Error {
	constructor(
		readonly code: ErrorCode,
		message: string,
		readonly problems: Problem[] = [],
		readonly retryAfterSeconds?: number,
	) {
		super(message);
	}

	get status(): number {
		return ERRORS[this.code][0];
	}
}

/** The page that `type` of every problem points into; docs/errors.md is this text. */
export function errorsPage(): string {
	const rows = Object.entries(ERRORS).map(
		([code, [status, title, advice]]) => `| <a id="${code}"></a>\`${code}\` | ${status} | ${title} | ${advice} |`,
	);
	return `# Errors

Every error is a problem document (RFC 9457, \`application/problem+json\`). Its \`code\` is one of these; failed runs, imports, evaluations, comparisons
and exports carry one as \`error.code\`. The status is that of an answer to a request. A 5xx says nothing about the inside: the
log has the rest under the request id, which is \`instance\`.

| code | status | meaning | what to do |
| --- | --- | --- | --- |
${rows.join("\n")}

\`errors[].code\` says what is wrong with one field: \`unknown_field\`, \`missing_field\`, \`wrong_type\`, \`bad_format\`, \`not_allowed\`,
\`out_of_range\`, or a code of the table. \`errors[].pointer\` is a JSON pointer into the body; into \`/query\`, \`/params\` or \`/headers\` where
the field is not in the body.

\`problems[].code\` of a dataset says what is wrong with a row: \`empty_id\`, \`id_too_long\`, \`bad_character\`, \`bad_rating\`, \`bad_time\`,
\`ragged_row\`, \`unclosed_quote\`, \`line_too_long\`, \`bad_json\`. \`warnings[].code\`, with line 0, is of a whole file, which is imported all the same:
\`too_many_tags\`, \`encoding\` (read as Windows-1252), \`blanks\` (around ids), \`left_out\` (of an archive, or titles that cannot be read), \`merged\` (several of an
archive read as one), \`cold_test\` (much of test finds nobody in train), \`unmet_titles\` (no item has one, or most have none for their ids are spelt otherwise), \`lost_valid\` (nothing of valid is left), \`first_line_taken\`
(for a row, by the positions in the rule), \`no_times\` (a column of times holds none that is read; it refuses a rule that needs
them), \`ratings_all_taken\` (the ratings differ, and without \`minRating\` the lowest count as likes, too; of several tables it names none); in a preview also \`not_shown\` (what
the bytes it looks at do not tell), \`not_needed\` (a file of no given role that an import goes without), and what is wrong with rows that refuse nothing.

\`problems[].code\` of interactions sent to a feed is one of the codes of fields, or of a line \`bad_json\`, \`bad_character\` or \`line_too_long\`.
`;
}
