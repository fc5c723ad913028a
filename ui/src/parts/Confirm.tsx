/** A question before what cannot be taken back; the answer's failure is shown in place. */
import { useMutation } from "@tanstack/react-query";
import { AlertDialog } from "radix-ui";
import { type ReactNode, useState } from "react";
import { useReadOnly } from "@/api/session";
import { useTranslation } from "@/i18n/useTranslation";
import { Button, type ButtonProps } from "@/parts/Button";
import { ProblemNote } from "@/parts/Problem";
import { useReturn } from "@/parts/useReturn";

interface ConfirmProps {
  readonly button: ButtonProps;
  readonly title: ReactNode;
  readonly verb: string;
  readonly act: () => Promise<unknown>;
  readonly onDone?: () => void;
  /** Told when the question is shown and when it is gone. */
  readonly onOpen?: (open: boolean) => void;
  /** Why it cannot be answered with yes now; undefined: it can. */
  readonly why?: string | undefined;
  /** How the answer looks; what takes something away is `danger`. */
  readonly tone?: "primary" | "danger";
  readonly children: ReactNode;
}

export function Confirm({ button, title, verb, act, onDone, onOpen, why, tone = "danger", children }: ConfirmProps) {
  const { t } = useTranslation();
  const readOnly = useReadOnly();
  const back = useReturn();
  const [open, show] = useState(false);
  const setOpen = (now: boolean) => {
    show(now);
    onOpen?.(now);
  };
  const acting = useMutation({
    mutationFn: act,
    onSuccess: () => {
      setOpen(false);
      onDone?.();
    },
  });
  return (
    <AlertDialog.Root open={open} onOpenChange={setOpen}>
      <Button
        {...button}
        why={readOnly ?? button.why}
        onClick={() => {
          acting.reset();
          setOpen(true);
        }}
      />
      <AlertDialog.Portal>
        <AlertDialog.Overlay className="veil" />
        <AlertDialog.Content className="dialog" {...back}>
          <AlertDialog.Title>{title}</AlertDialog.Title>
          <AlertDialog.Description asChild>
            <div className="dialog-body">{children}</div>
          </AlertDialog.Description>
          {acting.error ? <ProblemNote error={acting.error} /> : null}
          <div className="dialog-foot">
            <AlertDialog.Cancel asChild>
              <Button>{t("action.cancel")}</Button>
            </AlertDialog.Cancel>
            <Button kind={tone} busy={acting.isPending} why={why} onClick={() => acting.mutate()}>
              {verb}
            </Button>
          </div>
        </AlertDialog.Content>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}
