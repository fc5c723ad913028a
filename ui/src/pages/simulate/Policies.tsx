import { useTranslation } from "@/i18n/useTranslation";

interface PoliciesProps {
  readonly all: readonly string[];
  readonly chosen: readonly string[];
  readonly choose: (policies: string[]) => void;
}

/** Which policies are compared; they keep their order, and ours is the first. */
export function Policies({ all, chosen, choose }: PoliciesProps) {
  const { t } = useTranslation();
  return (
    <fieldset className="radios">
      <legend>{t("simulate.policies")}</legend>
      {all.map((policy) => (
        <label key={policy} className="check">
          <input
            type="checkbox"
            checked={chosen.includes(policy)}
            disabled={chosen.length === 1 && chosen.includes(policy)}
            onChange={(event) =>
              choose(all.filter((one) => (one === policy ? event.target.checked : chosen.includes(one))))
            }
          />
          <PolicyName policy={policy} />
        </label>
      ))}
    </fieldset>
  );
}

const KNOWN = ["ours", "greedy", "uniform", "on-demand", "hpa70", "kpa70", "static"] as const;
type Known = (typeof KNOWN)[number];
const isKnown = (policy: string): policy is Known => KNOWN.some((known) => known === policy);

export function PolicyName({ policy }: { readonly policy: string }) {
  const { t } = useTranslation();
  return <span title={policy}>{isKnown(policy) ? t(`simulate.policy.${policy}`) : policy}</span>;
}
