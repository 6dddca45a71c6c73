// Keys act where they are meant and stay text where they are typed.
import { expect, test } from "vitest";
import { isTextField, LETTERS, meaning } from "../../console/src/desk/keyboard.ts";
import { KEYS } from "../../console/src/desk/Shortcuts.tsx";

const press = (over: object) => ({
  code: "",
  key: "",
  altKey: false,
  ctrlKey: false,
  metaKey: false,
  isComposing: false,
  keyCode: 0,
  repeat: false,
  ...over,
});

test("a digit chooses only while no field has the focus and nothing is composed", () => {
  expect(meaning(press({ key: "5" }), false)).toEqual({ do: "digit", digit: 5 });
  expect(meaning(press({ key: "5" }), true)).toBeNull();
  expect(meaning(press({ key: "5", isComposing: true }), false)).toBeNull();
  expect(meaning(press({ key: "Process", keyCode: 229, code: "Digit5" }), false)).toBeNull();
});

test("alt with a letter acts also in a field, once per press", () => {
  expect(meaning(press({ code: "KeyE", key: "é", altKey: true }), true)).toEqual({ do: "hang_up" });
  expect(meaning(press({ code: "KeyE", altKey: true, repeat: true }), false)).toBeNull();
  expect(meaning(press({ code: "KeyE", altKey: true, ctrlKey: true }), false)).toBeNull();
  expect(meaning(press({ code: "KeyE", key: "e" }), false)).toBeNull();
  expect(meaning(press({ code: "KeyZ", altKey: true }), false)).toEqual({ do: "transfer" });
});

test("an input method keeps every key, also one with alt", () => {
  expect(meaning(press({ code: "KeyH", altKey: true }), true)).toEqual({ do: "hold" });
  for (const over of [{ isComposing: true }, { keyCode: 229 }]) {
    expect(meaning(press({ code: "KeyE", altKey: true, ...over }), true)).toBeNull();
    expect(meaning(press({ key: "Enter", ctrlKey: true, ...over }), true)).toBeNull();
  }
});

test("control and enter saves from within the note", () => {
  expect(meaning(press({ key: "Enter", ctrlKey: true }), true)).toEqual({ do: "save" });
  expect(meaning(press({ key: "?" }), true)).toBeNull();
  expect(meaning(press({ key: "?" }), false)).toEqual({ do: "help" });
});

test("a radio button is no text field", () => {
  const radio = document.createElement("input");
  radio.type = "radio";
  expect(isTextField(radio)).toBe(false);
  expect(isTextField(document.createElement("input"))).toBe(true);
  expect(isTextField(document.createElement("textarea"))).toBe(true);
  expect(isTextField(null)).toBe(false);
});

test("minus begins what comes after the ninth, and is text where it is typed", () => {
  expect(meaning(press({ key: "-" }), false)).toEqual({ do: "more" });
  expect(meaning(press({ key: "-", code: "NumpadSubtract" }), false)).toEqual({ do: "more" });
  expect(meaning(press({ key: "-" }), true)).toBeNull();
  expect(meaning(press({ key: "-", isComposing: true }), false)).toBeNull();
});

test("the list of keys names each key that acts", () => {
  const listed = KEYS.flatMap(([keys]) => [...keys.matchAll(/Alt ([A-Z])/g)].map((hit) => hit[1]));
  expect(listed.sort()).toEqual(
    Object.keys(LETTERS)
      .map((code) => code.slice(3))
      .sort(),
  );
  const rest = KEYS.map(([keys]) => keys).filter((keys) => !keys.startsWith("Alt"));
  expect(rest).toEqual(["1 – 9", "- 1 – 9", "0", "Ctrl ↵", "?"]);
});
