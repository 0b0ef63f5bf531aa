// Where artifacts lie.
import { artifactsOf, cacheOf } from "../../services/supervisor/src/artifacts.js";

const DATABASE_URL = "postgresql://nobody@127.0.0.1:1/none";

test("in the home, or beside a database of one's own where VALENCE_ARTIFACTS says", () => {
	expect(artifactsOf("/home", {})).toBe("/home/artifacts");
	expect(artifactsOf("/home", { VALENCE_ARTIFACTS: "else" })).toBe("/home/artifacts");
	expect(artifactsOf("/home", { DATABASE_URL, VALENCE_ARTIFACTS: "else", INIT_CWD: "/typed" })).toBe("/typed/else");
});

test("an object store stays the address that it is, with copies in the home or where VALENCE_CACHE says", () => {
	expect(artifactsOf("/home", { DATABASE_URL, VALENCE_ARTIFACTS: "s3://bucket/x" })).toBe("s3://bucket/x");
	expect(cacheOf("/home", {})).toBe("/home/cache");
	expect(cacheOf("/home", { VALENCE_CACHE: "copies", INIT_CWD: "/typed" })).toBe("/typed/copies");
});

test("an object store without a database of one's own is refused", () => {
	expect(() => artifactsOf("/home", { VALENCE_ARTIFACTS: "s3://bucket/x" })).toThrow("set DATABASE_URL, too");
});
