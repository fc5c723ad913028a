/** Tabs with counts; the page keeps which is chosen in its address. */
import { Tabs as Radix } from "radix-ui";
import type { ReactNode } from "react";
import { number } from "@/format/number";

export interface Tab<Id extends string> {
  readonly id: Id;
  readonly label: string;
  readonly count?: number | undefined;
}

interface TabsProps<Id extends string> {
  readonly label: string;
  readonly tabs: ReadonlyArray<Tab<Id>>;
  readonly chosen: Id;
  readonly choose: (id: Id) => void;
  readonly children: ReactNode;
}

export function Tabs<Id extends string>({ label, tabs, chosen, choose, children }: TabsProps<Id>) {
  return (
    <Radix.Root value={chosen} onValueChange={(id) => choose(id as Id)}>
      <Radix.List className="tabs" aria-label={label}>
        {tabs.map(({ id, label: name, count }) => (
          <Radix.Trigger key={id} value={id} className="tab">
            {name}
            {count === undefined ? null : <span className="tab-count num">{number(count)}</span>}
          </Radix.Trigger>
        ))}
      </Radix.List>
      <Radix.Content value={chosen} className="tab-panel" tabIndex={-1}>
        {children}
      </Radix.Content>
    </Radix.Root>
  );
}
