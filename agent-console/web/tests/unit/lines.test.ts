// What a second person is shown of a change, and where a form shows what the server says.

import { expect, test } from "vitest";
import { differences } from "../../console/src/admin/lines/difference.ts";
import { fieldPath, losesKeys } from "../../console/src/admin/lines/forms.ts";

const now = {
  name: "电信主线",
  profile: { hosts: ["a", "b"], weight: 10, called: { style: "national" } },
  password: null,
};

test("a change shows only the fields that it would set otherwise, with both values", () => {
  const wanted = {
    name: "电信主线",
    profile: { hosts: ["a"], weight: 10, called: { style: "e164" } },
    password_changed: true,
  };
  expect(differences(now, wanted)).toEqual([
    { field: "profile.hosts", from: "a, b", to: "a" },
    { field: "profile.called.style", from: "national", to: "e164" },
    { field: "password_changed", from: "", to: "true" },
  ]);
});

test("something new shows every field that is not empty", () => {
  expect(differences(null, { number: "02988001234", label: "", active: false })).toEqual([
    { field: "number", from: "", to: "02988001234" },
    { field: "active", from: "", to: "false" },
  ]);
});

test("a rule of causes says its parts and leaves out what it does not look at", () => {
  const rules = [{ status: 480, q850: null, code: "C04" }];
  expect(differences(null, { rules })).toEqual([
    { field: "rules", from: "", to: "status 480 code C04" },
  ]);
});

test("what the server says of one host is shown at the field of all hosts", () => {
  expect(fieldPath("profile.hosts[0]")).toEqual(["profile", "hosts"]);
  expect(fieldPath("profile.called.home.area")).toEqual(["profile", "called", "home", "area"]);
});

test("a trunk that leaves TLS leaves its keys of sound", () => {
  expect(losesKeys({ profile: { transport: "udp" } })).toBe(true);
  expect(losesKeys({ profile: { transport: "tcp" } })).toBe(true);
  expect(losesKeys({ profile: { transport: "tls" } })).toBe(false);
  expect(losesKeys({ profile: {} })).toBe(false);
  expect(losesKeys({})).toBe(false);
});
