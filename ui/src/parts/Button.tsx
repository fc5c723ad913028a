/** A button. One that cannot be used stays reachable and says why. */
import { Tooltip } from "radix-ui";
import { type ComponentProps, type ReactNode, useId } from "react";

export interface ButtonProps extends Omit<ComponentProps<"button">, "disabled"> {
  readonly kind?: "primary" | "plain" | "danger" | "ghost";
  readonly size?: "small" | "normal";
  readonly icon?: ReactNode;
  /** Why it cannot be used now; undefined: it can. */
  readonly why?: string | undefined;
  readonly busy?: boolean;
}

export function Button({ kind = "plain", size = "normal", icon, why, busy, children, onClick, ...rest }: ButtonProps) {
  const reason = useId();
  const off = why !== undefined || busy === true;
  const button = (
    <button
      type="button"
      {...rest}
      className={`btn btn-${kind} ${size === "small" ? "btn-small" : ""} ${children ? "" : "btn-icon"} ${rest.className ?? ""}`}
      aria-disabled={off || undefined}
      aria-busy={busy || undefined}
      aria-describedby={why ? reason : rest["aria-describedby"]}
      onClick={(event) => {
        if (off) event.preventDefault();
        else onClick?.(event);
      }}
    >
      {busy ? <span className="spin" aria-hidden /> : icon}
      {children ? <span>{children}</span> : null}
    </button>
  );
  if (why === undefined) return button;
  return (
    <Tip text={why}>
      <span className="btn-why">
        {button}
        <span id={reason} className="unseen">
          {why}
        </span>
      </span>
    </Tip>
  );
}

export function Tip({ text, children }: { readonly text: ReactNode; readonly children: ReactNode }) {
  return (
    <Tooltip.Root delayDuration={250}>
      <Tooltip.Trigger asChild>{children}</Tooltip.Trigger>
      <Tooltip.Portal>
        <Tooltip.Content className="tip" sideOffset={6} collisionPadding={8}>
          {text}
        </Tooltip.Content>
      </Tooltip.Portal>
    </Tooltip.Root>
  );
}
