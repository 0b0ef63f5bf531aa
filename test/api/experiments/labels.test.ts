// What configurations are called beside others of their model.
import { randomOf } from "../../../bench/http/questions.js";
import { configHashOf, labelsOf } from "../../../services/api/src/experiments/labels.js";
import { digest } from "../../../services/api/src/http/digest.js";

const labels = (...configs: Record<string, unknown>[]) =>
	labelsOf(configs.map((config) => ({ model: "valid", config, processes: 1 })));

test("the fields that differ, of each model by itself; the only one of its model needs no label", () => {
	expect(
		labelsOf([
			{ model: "valid", config: { k: 2, tau: 0.1, attention: "none" }, processes: 1 },
			{ model: "ease", config: { reg_weight: 250 }, processes: 1 },
			{ model: "valid", config: { k: 4, tau: 0.1, attention: null }, processes: 1 },
		]),
	).toEqual(['k 2, attention "none"', "", "k 4, attention null"]);
});

test("how many processes train it tells a configuration apart; the hash of one process is what it always was", () => {
	const one = { model: "valid", config: { k: 2 }, processes: 1 };
	const two = { ...one, processes: 2 };
	expect(labelsOf([one, two])).toEqual(["processes 1", "processes 2"]);
	expect(configHashOf(one)).toBe(digest({ model: "valid", config: { k: 2 } }));
	expect(configHashOf(two)).not.toBe(configHashOf(one));
});

test("fractions have three digits, more only where two of the list would be alike; whole numbers have all", () => {
	expect(labels({ alpha: 0.6508030653977954 }, { alpha: 0.1 + 0.2 })).toEqual(["alpha 0.651", "alpha 0.3"]);
	expect(labels({ alpha: 0.65081 }, { alpha: 0.65084 }, { alpha: 0.12345678 })).toEqual([
		"alpha 0.65081",
		"alpha 0.65084",
		"alpha 0.12346",
	]);
	expect(labels({ rate: 0.00012345678 }, { rate: 1.2345e-7 })).toEqual(["rate 0.000123", "rate 1.23e-7"]);
	expect(labels({ size: 123456 }, { size: 123457 })).toEqual(["size 123456", "size 123457"]);
	expect(labels({ weight: 1234.5678 }, { weight: -0.0012345 })).toEqual(["weight 1235", "weight -0.00123"]);
	expect(labels({ weight: 1234.5678 }, { weight: 1235 })).toEqual(["weight 1234.6", "weight 1235"]);
	// The digits of one field say nothing of another.
	expect(labels({ a: 0.123456, b: 0.11112 }, { a: 0.123457, b: 0.2 })).toEqual([
		"a 0.123456, b 0.111",
		"a 0.123457, b 0.2",
	]);
});

test("what is no number is told from what looks like one, and from what is not there", () => {
	const told = labels({ x: 0.1234 }, { x: "0.123" }, { x: 0.123 }, { x: null }, {}, { x: [0.1234] });
	expect(told).toEqual(["x 0.1234", 'x "0.123"', "x 0.123", "x null", "x –", "x [0.1234]"]);
});

test("no two are alike, however close they lie", () => {
	const random = randomOf(1);
	for (let round = 0; round < 50; round++) {
		const around = 10 ** (20 * random() - 10);
		const near = Array.from({ length: 20 }, () => around * (1 + random() * 10 ** (-16 * random())));
		const values = [...new Set([...near, around + Number.EPSILON * around, Math.round(around)])];
		expect(new Set(labels(...values.map((value) => ({ alpha: value })))).size).toBe(values.length);
	}
});
