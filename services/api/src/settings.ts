// Looks at what `.env` holds before anything of the compose file starts: PostgreSQL keeps the first password it is
// given for ever, so a forgotten CHANGE must be refused before there is a database.
const LEAST_KEY_LENGTH = 24;
const wrong: string[] = [];
const read = (name: string) => process.env[name] ?? "";

/** The compose file puts it into an address as it is; whoever reads that address has to find it again. */
function isReadBack(password: string): boolean {
	try {
		const { password: found, host, pathname } = new URL(`postgresql://valence:${password}@postgres:5432/valence`);
		return decodeURIComponent(found) === password && `${host}${pathname}` === "postgres:5432/valence";
	} catch {
		return false;
	}
}

function refusalOf(name: string, password: string): string | null {
	if (password.includes("CHANGE")) return `${name} is still ${password}`;
	if (password === "") return `${name} must be set`;
	const wrong = [...new Set(password)]
		.filter((one) => one === "%" || !isReadBack(one))
		.map((one) => JSON.stringify(one));
	if (wrong.length > 0) return `${name} must not hold ${wrong.join(" or ")}, as it becomes part of an address`;
	return isReadBack(password) ? null : `${name} breaks the address that it becomes part of`;
}

for (const name of ["POSTGRES_PASSWORD", "REDIS_PASSWORD"]) {
	const refusal = refusalOf(name, read(name));
	if (refusal) wrong.push(refusal);
}
const keys = read("API_KEYS")
	.split(",")
	.map((key) => key.trim())
	.filter(Boolean);
if (keys.some((key) => key.includes("CHANGE"))) wrong.push("API_KEYS is still CHANGE");
else if (keys.length === 0 || keys.some((key) => key.length < LEAST_KEY_LENGTH)) {
	wrong.push(`API_KEYS must be keys of at least ${LEAST_KEY_LENGTH} characters, separated by commas`);
}
for (const line of wrong) process.stderr.write(`.env: ${line}; \`openssl rand -hex 24\` makes a good one\n`);
process.exit(wrong.length > 0 ? 2 : 0);
