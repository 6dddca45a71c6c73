// What a change would set, compared with what is there: one line per field, for the second
// person who approves it.

export interface Difference {
  /** Path of the field, with dots. */
  field: string;
  from: string;
  to: string;
}

type Tree = { readonly [name: string]: unknown };

/** Fields that differ, in the order of what is wanted. Fields that it does not name stay. */
export function differences(now: Tree | null, wanted: Tree): Difference[] {
  const before = new Map(now ? leaves(now) : []);
  return leaves(wanted)
    .map(([field, to]) => ({ field, from: before.get(field) ?? "", to }))
    .filter(({ from, to }) => from !== to);
}

function leaves(tree: Tree, above = ""): [string, string][] {
  return Object.entries(tree).flatMap(([name, value]): [string, string][] => {
    const field = above ? `${above}.${name}` : name;
    if (Array.isArray(value)) return [[field, value.map(said).join(", ")]];
    if (typeof value === "object" && value !== null) return leaves(value as Tree, field);
    return [[field, said(value)]];
  });
}

/** A rule of a cause table says its parts; everything else is itself. */
function said(value: unknown): string {
  if (typeof value === "object" && value !== null) {
    return Object.entries(value)
      .filter(([, part]) => part !== null)
      .map(([name, part]) => `${name} ${String(part)}`)
      .join(" ");
  }
  return value === null || value === undefined ? "" : String(value);
}
