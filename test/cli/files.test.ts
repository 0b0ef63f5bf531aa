// Which part of a dataset a file is by its name, and what the dataset is called.
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { filesOf, nameOf, type Role, roleOf } from "../../services/cli/src/file-roles.js";

it.each<[string, Role]>([
	["ratings.csv", "interactions"],
	["ml-1m.zip", "interactions"],
	["amazon-books.zip", "interactions"],
	["events.2024.jsonl.gz", "interactions"],
	["ml.inter", "interactions"],
	["ml.train.inter", "train"],
	["ml.valid.inter.gz", "valid"],
	["validation.parquet", "valid"],
	["dev.tsv", "valid"],
	["Test.csv", "test"],
	["data_test_2.csv", "test"],
	["ml.item", "items"],
	["movies.dat", "items"],
	["amazon-products.jsonl.gz", "items"],
	["meta_Books.jsonl.gz", "items"],
	["titles.csv", "items"],
	["catalog.json", "items"],
	["latest.csv", "interactions"],
	["trainers.csv", "interactions"],
	["itemised.csv", "interactions"],
])("%s is %s", (name, role) => {
	expect(roleOf(`/train/items/${name}`)).toBe(role);
});

it("takes a folder by the tables in it, and names the dataset after it", () => {
	const folder = join(mkdtempSync(join(tmpdir(), "valence-files-")), "shop");
	mkdirSync(folder);
	expect(() => filesOf([folder])).toThrow("holds no table");
	for (const name of ["shop.train.csv", "shop.test.csv", "items.csv.gz", "notes.md", ".hidden.csv"])
		writeFileSync(join(folder, name), "");
	const files = filesOf([folder]);
	expect(files.map(({ path, role }) => [path.slice(folder.length + 1), role])).toEqual([
		["items.csv.gz", "items"],
		["shop.test.csv", "test"],
		["shop.train.csv", "train"],
	]);
	expect(nameOf([folder], files)).toBe("shop");
	for (const name of ["shop.inter.gz", "shop.item", "shop.topics.json"]) writeFileSync(join(folder, name), "");
	expect(filesOf([folder]).map(({ path }) => path.slice(folder.length + 1))).toEqual(["shop.inter.gz", "shop.item"]);
	const one = join(folder, "shop.train.csv");
	expect(nameOf([one], filesOf([one]))).toBe("shop");
	expect(() => filesOf([join(folder, "gone.csv")])).toThrow("gone.csv is not there");
});
